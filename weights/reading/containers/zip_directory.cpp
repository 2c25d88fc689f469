#include "weights/reading/containers/zip_directory.h"

#include <algorithm>
#include <string_view>

#include "src/base/order.h"
#include "weights/reading/containers/pickle_opcodes.h"
#include "weights/reading/containers/pickle_text.h"

namespace beit {

namespace {

constexpr uint32_t kLocalSignature = 0x04034b50, kMemberSignature = 0x02014b50, kEndSignature = 0x06054b50,
                   kZip64LocatorSignature = 0x07064b50, kZip64EndSignature = 0x06064b50;
constexpr size_t kEndBytes = 22, kLocatorBytes = 20, kZip64EndBytes = 56, kMemberBytes = 46;
constexpr int64_t kMaxDirectoryBytes = 64 << 20;
constexpr uint32_t kInZip64 = 0xFFFFFFFF;  // the number stands in the zip64 record

uint64_t number(std::span<const uint8_t> bytes, size_t at, size_t size) { return littleEndian(bytes.subspan(at, size)); }

Error malformed(std::string_view where, std::string_view got, std::string_view expected) {
  return mismatch(ErrorCode::kMalformed, std::string(where), std::string(got), std::string(expected));
}

Result<ZipEnd> checkedEnd(uint64_t offset, uint64_t size, uint64_t members, int64_t before, const std::string& where) {
  if (size > static_cast<uint64_t>(before) || offset > static_cast<uint64_t>(before) - size)
    return malformed(where, "a zip directory of " + std::to_string(size) + " bytes at " + std::to_string(offset),
                     "one that ends before " + std::to_string(before));
  if (size > static_cast<uint64_t>(kMaxDirectoryBytes))
    return mismatch(ErrorCode::kUnsupported, where, "a zip directory of " + std::to_string(size) + " bytes",
                    "at most " + std::to_string(kMaxDirectoryBytes));
  ZipEnd end;
  end.directory = {static_cast<int64_t>(offset), static_cast<int64_t>(size)};
  end.members = static_cast<int64_t>(std::min<uint64_t>(members, size));
  return end;
}

// Replaces the numbers that did not fit 32 bits by those in the zip64 field.
bool readZip64Field(std::span<const uint8_t> extra, uint64_t& unpacked, uint64_t& packed, uint64_t& offset) {
  for (size_t at = 0; extra.size() - at >= 4;) {
    const size_t id = number(extra, at, 2), size = number(extra, at + 2, 2);
    at += 4;
    if (extra.size() - at < size) return false;
    if (id == 1) {
      size_t field = at;
      for (uint64_t* value : {&unpacked, &packed, &offset}) {
        if (*value != kInZip64) continue;
        if (at + size - field < 8) return false;
        *value = number(extra, field, 8);
        field += 8;
      }
      return true;
    }
    at += size;
  }
  return false;
}

}  // namespace

Result<ZipEnd> readZipEnd(std::span<const uint8_t> tail, int64_t file_size, const std::string& where) {
  for (size_t at = tail.size() >= kEndBytes ? tail.size() - kEndBytes + 1 : 0; at-- > 0;) {
    if (number(tail, at, 4) != kEndSignature || tail.size() - at - kEndBytes != number(tail, at + 20, 2)) continue;
    const int64_t position = file_size - static_cast<int64_t>(tail.size() - at);
    if (at >= kLocatorBytes && number(tail, at - kLocatorBytes, 4) == kZip64LocatorSignature) {
      const uint64_t record = number(tail, at - kLocatorBytes + 8, 8);
      if (position < static_cast<int64_t>(kLocatorBytes + kZip64EndBytes) ||
          record > static_cast<uint64_t>(position) - kLocatorBytes - kZip64EndBytes)
        return malformed(where, "a zip64 end record at " + std::to_string(record), "one before " + std::to_string(position));
      ZipEnd end;
      end.zip64 = ByteRange{static_cast<int64_t>(record), kZip64EndBytes};
      return end;
    }
    return checkedEnd(number(tail, at + 16, 4), number(tail, at + 12, 4), number(tail, at + 10, 2), position, where);
  }
  return mismatch(ErrorCode::kTruncated, where, std::to_string(file_size) + " bytes without a zip directory at their end",
                  "a whole zip file");
}

Result<ZipEnd> readZip64End(std::span<const uint8_t> record, int64_t file_size, const std::string& where) {
  if (record.size() < kZip64EndBytes || number(record, 0, 4) != kZip64EndSignature)
    return malformed(where, "no zip64 end record where one should be", "one");
  return checkedEnd(number(record, 48, 8), number(record, 40, 8), number(record, 32, 8), file_size, where);
}

Result<std::vector<ZipMember>> readZipDirectory(std::span<const uint8_t> directory, const ZipEnd& end, const std::string& where) {
  std::vector<ZipMember> members;
  for (size_t at = 0; at < directory.size() && static_cast<int64_t>(members.size()) < end.members;) {
    const auto rest = directory.subspan(at);
    if (rest.size() < kMemberBytes || number(rest, 0, 4) != kMemberSignature)
      return malformed(where, "a zip directory without an entry at " + std::to_string(at), "one");
    const size_t name = number(rest, 28, 2), extra = number(rest, 30, 2), comment = number(rest, 32, 2);
    if (rest.size() - kMemberBytes < name + extra + comment)
      return malformed(where, "a zip directory that ends inside an entry", "a whole one");
    uint64_t packed = number(rest, 20, 4), unpacked = number(rest, 24, 4), header = number(rest, 42, 4);
    ZipMember member;
    member.name = {reinterpret_cast<const char*>(rest.data()) + kMemberBytes, name};
    if (packed == kInZip64 || unpacked == kInZip64 || header == kInZip64)
      readZip64Field(rest.subspan(kMemberBytes + name, extra), unpacked, packed, header);
    member.method = static_cast<int>(number(rest, 10, 2));
    member.encrypted = number(rest, 8, 2) & 1;
    const auto before = static_cast<uint64_t>(end.directory.offset);
    if (header > before || packed > before - header)
      return malformed(where + ", " + printable(member.name), std::to_string(packed) + " bytes at " + std::to_string(header),
                       "what lies before the zip directory");
    member.header = static_cast<int64_t>(header);
    member.size = static_cast<int64_t>(packed);
    members.push_back(std::move(member));
    at += kMemberBytes + name + extra + comment;
  }
  sortBy(members, [](const ZipMember& member) { return SortKey(member.header, 0); });
  int64_t next = end.directory.offset;
  for (size_t i = members.size(); i-- > 0;) {
    members[i].end = next;
    next = members[i].header;
  }
  return members;
}

Result<int64_t> zipDataOffset(const ZipMember& member, std::span<const uint8_t> header, const std::string& where) {
  const std::string which = where + ", " + printable(member.name);
  if (static_cast<int64_t>(header.size()) < kZipLocalHeader || number(header, 0, 4) != kLocalSignature)
    return malformed(which, "no zip header at " + std::to_string(member.header), "one, as the directory says");
  const int64_t offset = member.header + kZipLocalHeader + static_cast<int64_t>(number(header, 26, 2) + number(header, 28, 2));
  if (offset > member.end || member.size > member.end - offset)
    return malformed(which, std::to_string(member.size) + " bytes at " + std::to_string(offset),
                     "what ends before " + std::to_string(member.end));
  return offset;
}

}  // namespace beit
