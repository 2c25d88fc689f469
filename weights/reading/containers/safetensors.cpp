#include "weights/reading/containers/safetensors.h"

#include <algorithm>
#include <unordered_set>

#include "src/base/json.h"

namespace beit {

namespace {

std::string bytesText(int64_t count) { return std::to_string(count) + " bytes"; }

}  // namespace

std::optional<ByteRange> SafetensorsIndexer::next() const {
  if (done_) return std::nullopt;
  const auto have = static_cast<int64_t>(bytes_.size());
  if (header_bytes_ < 0) return ByteRange{have, kLengthBytes - have};
  return ByteRange{kLengthBytes + have, header_bytes_ - have};
}

Status SafetensorsIndexer::supply(std::span<const uint8_t> bytes) {
  assert(next() && static_cast<int64_t>(bytes.size()) <= next()->length);
  bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (next()->length > 0) return {};
  return header_bytes_ < 0 ? readLength() : readHeader();
}

Status SafetensorsIndexer::readLength() {
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = length << 8 | static_cast<uint8_t>(bytes_[static_cast<size_t>(i)]);
  if (length < 2 || length > static_cast<uint64_t>(kMaxHeaderBytes))
    return mismatch(ErrorCode::kMalformed, file_name_, "a header of " + std::to_string(length) + " bytes",
                    "2 to " + std::to_string(kMaxHeaderBytes) + " bytes, as a safetensors file has");
  header_bytes_ = static_cast<int64_t>(length);
  if (size_ && kLengthBytes + header_bytes_ > *size_)
    return mismatch(ErrorCode::kTruncated, file_name_, bytesText(*size_),
                    "at least " + bytesText(kLengthBytes + header_bytes_) + ", by its header's length");
  bytes_.clear();
  return {};
}

Status SafetensorsIndexer::readHeader() {
  const int64_t data_start = kLengthBytes + header_bytes_;
  if (!bytes_.starts_with('{')) return mismatch(ErrorCode::kMalformed, file_name_, "a header that does not begin with {", "a JSON object");
  BEIT_ASSIGN(const Json json, Json::parse(bytes_, file_name_));
  if (!json.root().isObject()) return mismatch(ErrorCode::kMalformed, file_name_, json.root().describe(), "a JSON object");
  std::unordered_set<std::string_view> names;
  for (const auto& [name, value] : json.root().members()) {
    if (name == "__metadata__") continue;
    if (!names.insert(name).second)
      return failure(ErrorCode::kMalformed, file_name_, "the tensor \"" + std::string(name) + "\" stands in the header twice");
    BEIT_ASSIGN(TensorEntry entry, readEntry(name, value, data_start));
    entries_.push_back(std::move(entry));
  }
  sortByOffset(entries_);
  int64_t end = data_start;
  for (const auto& entry : entries_) {
    if (entry.offset != end)
      return mismatch(ErrorCode::kMalformed, file_name_ + ", tensor " + entry.name,
                      "an offset of " + std::to_string(entry.offset - data_start),
                      std::to_string(end - data_start) + ", so that tensors neither overlap nor leave gaps");
    end += entry.bytes;
  }
  if (size_ && end != *size_)
    return mismatch(end > *size_ ? ErrorCode::kTruncated : ErrorCode::kMalformed, file_name_, bytesText(*size_),
                    bytesText(end) + ", by its header");
  bytes_ = {};
  done_ = true;
  return {};
}

Result<TensorEntry> SafetensorsIndexer::readEntry(std::string_view name, JsonValue value, int64_t data_start) const {
  const std::string where = file_name_ + ", tensor " + std::string(name);
  const auto malformed = [&](std::string_view got, std::string_view expected) {
    return mismatch(ErrorCode::kMalformed, std::string(where), std::string(got), std::string(expected));
  };
  if (!value.isObject()) return malformed(value.describe(), "an object with dtype, shape and data_offsets");
  TensorEntry entry;
  entry.name = name;
  entry.file = file_;
  const auto dtype_name = value.find("dtype").asString();
  if (!dtype_name) return malformed("dtype " + value.find("dtype").describe(), "a string");
  if (dtype_name->empty()) return malformed("an element type without a name", "one");
  const auto dtype = parseDType(*dtype_name);
  entry.dtype = dtype.value_or(DType::kU8);
  if (!dtype) entry.other_type = *dtype_name;  // an error only where a parameter needs it

  const JsonValue shape = value.find("shape");
  if (!shape.isArray()) return malformed("shape " + shape.describe(), "an array of sizes");
  for (const JsonValue item : shape.items()) {
    const auto size = item.asInt64();
    if (!size || *size < 0) return malformed("a size of " + item.describe(), "integers of at least 0");
    entry.shape.push_back(*size);
  }
  const auto count = elementCount(entry.shape);
  if (!count) return malformed("shape " + toString(entry.shape), "a number of elements that can be counted");

  const JsonValue offsets = value.find("data_offsets");
  std::vector<int64_t> ends;
  for (const JsonValue item : offsets.items()) ends.push_back(item.asInt64().value_or(-1));
  constexpr int64_t kMaxBytes = int64_t{1} << 52;  // far from where sums overflow
  if (ends.size() != 2 || ends[0] < 0 || ends[1] < ends[0] || ends[1] > kMaxBytes)
    return malformed("data_offsets " + offsets.describe(), "[begin, end] with 0 <= begin <= end");
  entry.offset = data_start + ends[0];
  entry.bytes = ends[1] - ends[0];
  if (dtype && (*count > kMaxBytes / elementSize(*dtype) || entry.bytes != *count * elementSize(*dtype)))
    return malformed(bytesText(entry.bytes), "what " + std::string(toString(*dtype)) + " " + toString(entry.shape) + " takes");
  return entry;
}

Result<std::vector<TensorEntry>> indexSafetensors(std::span<const uint8_t> file, std::string name) {
  SafetensorsIndexer indexer(name, 0, static_cast<int64_t>(file.size()));
  while (const auto range = indexer.next()) {
    if (range->offset + range->length > static_cast<int64_t>(file.size()))
      return mismatch(ErrorCode::kTruncated, name, bytesText(static_cast<int64_t>(file.size())),
                      "at least " + bytesText(range->offset + range->length));
    BEIT_TRY(indexer.supply(file.subspan(static_cast<size_t>(range->offset), static_cast<size_t>(range->length))));
  }
  return std::move(indexer.entries());
}

}  // namespace beit
