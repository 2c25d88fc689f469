#include "src/codecs/tiff_directory.h"

#include <algorithm>

namespace beit::codecs {
namespace {

// Bytes of a whole number of each type of TIFF; 0 for what is none.
int64_t sizeOf(uint64_t type) {
  switch (type) {
    case 1:
    case 2:
    case 6:
    case 7: return 1;
    case 3:
    case 8: return 2;
    case 4:
    case 9:
    case 13: return 4;
    case 16:
    case 17:
    case 18: return 8;
    default: return 0;
  }
}

}  // namespace

uint64_t TiffDirectory::read(std::span<const uint8_t> bytes) const {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) value = value << 8 | bytes[little_ ? bytes.size() - 1 - i : i];
  return value;
}

// 0 beyond the file's end.
uint64_t TiffDirectory::readAt(uint64_t offset, uint64_t size) const {
  if (offset > file_.size() || size > file_.size() - offset) return 0;
  return read(file_.subspan(static_cast<size_t>(offset), static_cast<size_t>(size)));
}

Result<TiffDirectory> TiffDirectory::find(std::span<const uint8_t> file) {
  TiffDirectory directory;
  directory.file_ = file;
  if (file.size() < 8) return failure(ErrorCode::kBadImage, "image", "this TIFF is cut off");
  directory.little_ = file[0] == 'I';
  directory.big_ = directory.readAt(2, 2) == 43;
  const uint64_t word = directory.big_ ? 8 : 4, count_bytes = directory.big_ ? 8 : 2;
  const uint64_t offset = directory.readAt(word, word);
  const uint64_t entry_bytes = 4 + 2 * word;
  if (offset < 8 || offset > file.size() || file.size() - offset < count_bytes) {
    return failure(ErrorCode::kBadImage, "image", "this TIFF is cut off");
  }
  directory.first_ = offset + count_bytes;
  directory.entries_ = directory.readAt(offset, count_bytes);
  if (directory.entries_ > (file.size() - directory.first_) / entry_bytes)
    return failure(ErrorCode::kBadImage, "image", "this TIFF is cut off");
  return directory;
}

TiffDirectory::Values TiffDirectory::find(uint16_t tag) const {
  const uint64_t word = big_ ? 8 : 4, entry_bytes = 4 + 2 * word;
  for (uint64_t i = 0; i < entries_; ++i) {
    const uint64_t entry = first_ + i * entry_bytes;
    if (readAt(entry, 2) != tag) continue;
    const int64_t size = sizeOf(readAt(entry + 2, 2));
    const uint64_t count = readAt(entry + 4, word);
    if (size == 0 || count == 0) return {};
    if (count > file_.size() / static_cast<uint64_t>(size)) return {{}, 0, true};
    const uint64_t bytes = count * static_cast<uint64_t>(size);
    const uint64_t at = bytes <= word ? entry + 4 + word : readAt(entry + 4 + word, word);
    if (at > file_.size() || bytes > file_.size() - at) return {{}, 0, true};
    return {file_.subspan(static_cast<size_t>(at), static_cast<size_t>(bytes)), size, false};
  }
  return {};
}

Status TiffDirectory::check(std::span<const uint16_t> tags) const {
  const bool are_inside = std::none_of(tags.begin(), tags.end(), [&](uint16_t tag) { return find(tag).are_outside; });
  return are_inside ? Status() : failure(ErrorCode::kBadImage, "image", "this TIFF is cut off");
}

std::vector<uint64_t> TiffDirectory::numbers(uint16_t tag) const {
  const Values values = find(tag);
  std::vector<uint64_t> numbers;
  const auto size = static_cast<size_t>(values.size);
  for (size_t at = 0; at < values.bytes.size(); at += size) numbers.push_back(read(values.bytes.subspan(at, size)));
  return numbers;
}

uint64_t TiffDirectory::number(uint16_t tag, uint64_t otherwise) const {
  const Values values = find(tag);
  return values.size == 0 ? otherwise : read(values.bytes.first(static_cast<size_t>(values.size)));
}

std::span<const uint8_t> TiffDirectory::bytes(uint16_t tag) const { return find(tag).bytes; }

}  // namespace beit::codecs
