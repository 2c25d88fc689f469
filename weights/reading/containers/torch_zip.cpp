#include "weights/reading/containers/torch_zip.h"

#include <algorithm>
#include <utility>

#include "src/base/order.h"
#include "weights/reading/containers/pickle_text.h"

namespace beit {

Result<std::unique_ptr<ContainerIndexer>> TorchZipIndexer::create(std::string file_name, size_t file, std::optional<int64_t> size) {
  if (!size)
    return failure(ErrorCode::kUnsupported, file_name,
                   "a PyTorch checkpoint is a zip file, whose directory stands at its end: it needs a source of known size "
                   "(a file, or a server that says Content-Length)");
  return std::unique_ptr<ContainerIndexer>(new TorchZipIndexer(std::move(file_name), file, *size));
}

TorchZipIndexer::TorchZipIndexer(std::string file_name, size_t file, int64_t size)
    : file_name_(std::move(file_name)), file_(file), size_(size) {
  const int64_t tail = std::min(size, kZipMostEnd);
  want(Stage::kEnd, {size - tail, tail});
}

void TorchZipIndexer::want(Stage stage, ByteRange range) {
  stage_ = stage;
  range_ = range;
  bytes_.clear();
}

std::optional<ByteRange> TorchZipIndexer::next() const {
  if (stage_ == Stage::kDone) return std::nullopt;
  const auto have = static_cast<int64_t>(bytes_.size());
  return ByteRange{range_.offset + have, range_.length - have};
}

Status TorchZipIndexer::supply(std::span<const uint8_t> bytes) {
  assert(next() && static_cast<int64_t>(bytes.size()) <= next()->length);
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  if (next()->length > 0) return {};
  switch (stage_) {
    case Stage::kEnd: {
      BEIT_ASSIGN(const ZipEnd end, readZipEnd(bytes_, size_, file_name_));
      return readEnd(end);
    }
    case Stage::kZip64End: {
      BEIT_ASSIGN(const ZipEnd end, readZip64End(bytes_, range_.offset, file_name_));
      return readEnd(end);
    }
    case Stage::kDirectory: return readDirectory();
    case Stage::kByteOrder: return readByteOrder();
    case Stage::kPickle: return readPickle();
    case Stage::kHeaders: return readHeader();
    case Stage::kDone: break;
  }
  return {};
}

Status TorchZipIndexer::readEnd(const ZipEnd& end) {
  end_ = end;
  if (end.zip64) want(Stage::kZip64End, *end.zip64);
  else if (end.directory.length > 0) want(Stage::kDirectory, end.directory);
  else return mismatch(ErrorCode::kUnsupported, file_name_, "an empty zip file", "a PyTorch checkpoint");
  return {};
}

Status TorchZipIndexer::readDirectory() {
  BEIT_ASSIGN(members_, readZipDirectory(bytes_, end_, file_name_));
  const ZipMember* pickle = nullptr;
  for (size_t i = 0; i < members_.size(); ++i) {
    const std::string_view name = members_[i].name;
    by_name_.emplace(name, i);
    // PyTorch names the folder after the file; "data.pkl" lies in it and nowhere deeper.
    if (!pickle && (name == "data.pkl" || (name.ends_with("/data.pkl") && name.find('/') == name.size() - 9))) {
      pickle = &members_[i];
      prefix_ = name.substr(0, name.size() - 8);
    }
  }
  if (!pickle) return mismatch(ErrorCode::kUnsupported, file_name_, "a zip file without data.pkl", "a PyTorch checkpoint");
  if (pickle->size > kMaxPickleBytes)
    return mismatch(ErrorCode::kUnsupported, file_name_, "a data.pkl of " + std::to_string(pickle->size) + " bytes",
                    "at most " + std::to_string(kMaxPickleBytes));
  const ZipMember* order = find("byteorder");  // since PyTorch 2.1; before, little-endian machines only
  constexpr int64_t kMaxOrderBytes = 64;
  if (order && order->size > kMaxOrderBytes)
    return mismatch(ErrorCode::kMalformed, file_name_, "a byteorder of " + std::to_string(order->size) + " bytes", "\"little\"");
  wantMember(order ? Stage::kByteOrder : Stage::kPickle, order ? *order : *pickle);
  return {};
}

Status TorchZipIndexer::readByteOrder() {
  BEIT_ASSIGN(const auto bytes, memberBytes(*find("byteorder")));
  const std::string_view order{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  if (order != "little")
    return mismatch(ErrorCode::kUnsupported, file_name_, "elements in byte order \"" + printable(order) + "\"", "\"little\"");
  wantMember(Stage::kPickle, *find("data.pkl"));
  return {};
}

Status TorchZipIndexer::readPickle() {
  const ZipMember& member = *find("data.pkl");
  BEIT_ASSIGN(const auto bytes, memberBytes(member));
  const std::string where = file_name_ + ", " + printable(member.name);
  BEIT_ASSIGN(Pickle pickle, Pickle::parse({bytes.begin(), bytes.end()}, where, isTorchGlobal));
  pickle_ = std::move(pickle);
  BEIT_ASSIGN(tensors_, readTorchTensors(*pickle_, where, &averaged_));
  for (const TorchTensor& tensor : tensors_) {
    const std::string name = "data/" + std::string(tensor.storage.key);
    const ZipMember* storage = find(name);
    if (!storage)
      return mismatch(ErrorCode::kMalformed, file_name_ + ", tensor " + tensor.name, "no member " + printable(name), "its elements");
    if (storage->method != 0 || storage->encrypted)
      return mismatch(ErrorCode::kUnsupported, file_name_, "a compressed or encrypted " + printable(storage->name),
                      "stored members, as PyTorch writes them");
    if (storage->size < tensor.storage.bytes())
      return mismatch(ErrorCode::kMalformed, file_name_ + ", tensor " + tensor.name,
                      printable(name) + " with " + std::to_string(storage->size) + " bytes",
                      std::to_string(tensor.storage.bytes()) + ", as data.pkl says");
    storages_.push_back(static_cast<size_t>(storage - members_.data()));
  }
  sortNumbers(storages_);
  storages_.erase(std::unique(storages_.begin(), storages_.end()), storages_.end());
  if (storages_.empty() || guessOffsets(member)) return finish();
  want(Stage::kHeaders, {members_[storages_.front()].header, kZipLocalHeader});
  return {};
}

Status TorchZipIndexer::readHeader() {
  const size_t storage = storages_[offsets_.size()];
  BEIT_ASSIGN(offsets_[storage], zipDataOffset(members_[storage], bytes_, file_name_));
  if (offsets_.size() == storages_.size()) return finish();
  want(Stage::kHeaders, {members_[storages_[offsets_.size()]].header, kZipLocalHeader});
  return {};
}

void TorchZipIndexer::wantMember(Stage stage, const ZipMember& member) {
  const int64_t most = std::min(member.end - member.header, kZipMostBeforeData + member.size);
  want(stage, {member.header, std::max(most, int64_t{1})});
}

Result<std::span<const uint8_t>> TorchZipIndexer::memberBytes(const ZipMember& member) const {
  if (member.method != 0 || member.encrypted)
    return mismatch(ErrorCode::kUnsupported, file_name_, "a compressed or encrypted " + printable(member.name),
                    "stored members, as PyTorch writes them");
  BEIT_ASSIGN(const int64_t offset, zipDataOffset(member, bytes_, file_name_));
  return std::span(bytes_).subspan(static_cast<size_t>(offset - member.header), static_cast<size_t>(member.size));
}

const ZipMember* TorchZipIndexer::find(std::string_view name) const {
  const auto found = by_name_.find(prefix_ + std::string(name));
  return found == by_name_.end() ? nullptr : &members_[found->second];
}

bool TorchZipIndexer::guessOffsets(const ZipMember& pickle) {
  // PyTorch pads a local header so that its data begin at a multiple of 64, and lets a record of 16
  // bytes (24 for large files) follow the data. Where padding and records fill the room between every
  // two headers exactly, the headers, one request each over HTTP, have nothing more to tell.
  const auto guess = [](const ZipMember& member) -> std::optional<int64_t> {
    constexpr int64_t kAlignment = 64, kPaddingField = 4;
    const int64_t least = member.header + kZipLocalHeader + static_cast<int64_t>(member.name.size()) + kPaddingField;
    const int64_t offset = (least + kAlignment - 1) / kAlignment * kAlignment;
    const int64_t rest = member.end - offset - member.size;
    return rest == 16 || rest == 24 ? std::optional(offset) : std::nullopt;
  };
  const auto real = zipDataOffset(pickle, bytes_, file_name_);
  if (!real.ok() || guess(pickle) != *real) return false;
  std::unordered_map<size_t, int64_t> guesses;
  for (const size_t storage : storages_) {
    const auto offset = guess(members_[storage]);
    if (!offset) return false;
    guesses[storage] = *offset;
  }
  offsets_ = std::move(guesses);
  return true;
}

Status TorchZipIndexer::finish() {
  for (TorchTensor& tensor : tensors_) {
    const auto storage = static_cast<size_t>(find("data/" + std::string(tensor.storage.key)) - members_.data());
    entries_.push_back(entryOf(std::move(tensor), file_, offsets_.at(storage)));
  }
  sortByOffset(entries_);
  stage_ = Stage::kDone;
  bytes_ = {};
  tensors_ = {};
  pickle_.reset();
  by_name_ = {};
  members_ = {};
  return {};
}

}  // namespace beit
