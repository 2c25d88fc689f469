#include "weights/reading/containers/torch_legacy.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "weights/reading/containers/pickle_text.h"
#include "weights/reading/containers/torch_pickle.h"

namespace beit {

namespace {

constexpr int64_t kPiece = 64 * 1024;
constexpr std::string_view kMagicNumber("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);  // torch.serialization.MAGIC_NUMBER
constexpr int64_t kFormatVersion = 1001;

}  // namespace

bool TorchLegacyIndexer::isMagic(std::span<const uint8_t> first) {
  const std::string_view text{reinterpret_cast<const char*>(first.data()), first.size()};
  // Protocols 2 and 3 begin with the number; 4 and 5 with a frame of 13 bytes that has it.
  for (const std::string_view start :
       {std::string_view("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46", 8), std::string_view("\x80\x03\x8a\x0a\x6c\xfc\x9c\x46", 8),
        std::string_view("\x80\x04\x95\x0d\0\0\0\0", 8), std::string_view("\x80\x05\x95\x0d\0\0\0\0", 8)})
    if (text.starts_with(start)) return true;
  return false;
}

std::optional<ByteRange> TorchLegacyIndexer::next() const {
  if (done_) return std::nullopt;
  const int64_t end = start_ + static_cast<int64_t>(bytes_.size());
  auto length = static_cast<int64_t>(missing_);
  if (size_) length = std::max(length, std::min(kPiece, *size_ - end));
  return ByteRange{end, length};
}

Status TorchLegacyIndexer::supply(std::span<const uint8_t> bytes) {
  assert(next() && static_cast<int64_t>(bytes.size()) <= next()->length);
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  while (pickles_.size() < kParts) {
    BEIT_ASSIGN(missing_, extent_.missing(bytes_, file_name_));
    if (missing_ > 0) {
      const auto have = static_cast<int64_t>(bytes_.size());
      if (size_ && static_cast<int64_t>(missing_) > *size_ - start_ - have)
        return mismatch(ErrorCode::kTruncated, file_name_, std::to_string(*size_) + " bytes",
                        "at least " + std::to_string(start_ + have + static_cast<int64_t>(missing_)));
      if (bytes_.size() + missing_ > kMaxPickleBytes)
        return mismatch(ErrorCode::kUnsupported, file_name_, "a pickle of more bytes", "at most " + std::to_string(kMaxPickleBytes));
      return {};
    }
    const auto end = bytes_.begin() + static_cast<ptrdiff_t>(extent_.length());
    const auto part = static_cast<Part>(pickles_.size());
    constexpr const char* kNames[kParts] = {"magic number", "version", "machine", "object", "keys"};
    BEIT_ASSIGN(Pickle pickle, Pickle::parse({bytes_.begin(), end}, file_name_ + ", " + kNames[part], isTorchGlobal));
    BEIT_TRY(check(part, pickle));
    pickles_.push_back(std::move(pickle));
    start_ += static_cast<int64_t>(extent_.length());
    bytes_.erase(bytes_.begin(), end);
    extent_ = {};
    missing_ = 1;
  }
  return finish();
}

Status TorchLegacyIndexer::check(Part part, const Pickle& pickle) const {
  const PickleValue root = pickle.root();
  if (part == kMagic && root.text() != kMagicNumber)
    return mismatch(ErrorCode::kUnsupported, file_name_, "a Python pickle", "a PyTorch checkpoint, which begins with its magic number");
  if (part == kVersion && root.asInt() != kFormatVersion)
    return mismatch(ErrorCode::kUnsupported, file_name_, "a PyTorch checkpoint of another version", std::to_string(kFormatVersion));
  if (part == kMachine && root.find("little_endian").asBool() != true)
    return mismatch(ErrorCode::kUnsupported, file_name_, "elements of a big-endian machine", "little-endian ones");
  if (part == kKeys && !root.is(PickleKind::kList))
    return mismatch(ErrorCode::kMalformed, file_name_, "no list of storages behind the object", "one");
  return {};
}

Status TorchLegacyIndexer::finish() {
  struct Place {
    int64_t count, bytes, offset;
  };
  std::unordered_map<std::string_view, Place> storages;
  for (const PickleValue persistent : pickles_[kObject].persistents()) {
    if (persistent.item(0).item(0).text() == "module") continue;  // a class and its source
    BEIT_ASSIGN(const TorchStorage storage, readTorchStorage(persistent, file_name_));
    const auto [known, is_new] = storages.emplace(storage.key, Place{storage.count, storage.bytes(), -1});
    if (!is_new && (known->second.count != storage.count || known->second.bytes != storage.bytes()))
      return mismatch(ErrorCode::kMalformed, file_name_, "two sizes of storage " + printable(storage.key), "one");
  }
  int64_t offset = start_;
  const PickleValue keys = pickles_[kKeys].root();
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto storage = storages.find(keys.item(i).text());
    if (storage == storages.end() || !keys.item(i).is(PickleKind::kString) || storage->second.offset >= 0)
      return mismatch(ErrorCode::kMalformed, file_name_, "a storage " + printable(keys.item(i).text()), "each of the object's, once");
    constexpr int64_t kCountBytes = 8;
    constexpr int64_t kMax = int64_t{1} << 52;
    storage->second.offset = offset + kCountBytes;
    offset += kCountBytes + storage->second.bytes;
    if (offset > size_.value_or(kMax))
      return mismatch(ErrorCode::kTruncated, file_name_, size_ ? std::to_string(*size_) + " bytes" : "an impossible size",
                      "at least " + std::to_string(offset) + ", by its storages");
  }
  BEIT_ASSIGN(std::vector<TorchTensor> tensors, readTorchTensors(pickles_[kObject], file_name_, &averaged_));
  for (TorchTensor& tensor : tensors) {
    const Place& place = storages.at(tensor.storage.key);
    if (place.offset < 0)
      return mismatch(ErrorCode::kMalformed, file_name_ + ", tensor " + tensor.name, "a storage that is not in the file", "one that is");
    entries_.push_back(entryOf(std::move(tensor), file_, place.offset));
  }
  sortByOffset(entries_);
  done_ = true;
  bytes_ = {};
  pickles_.clear();
  return {};
}

}  // namespace beit
