// The directory of a zip file: what is in it, and where.
// Reference: PKWARE's APPNOTE 6.3.10, 4.3 (records) and 4.5.3 (zip64).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/base/result.h"
#include "weights/reading/tensor_index.h"

namespace beit {

struct ZipMember {
  std::string name;
  int64_t header = 0;  // offset of the local header, which its data follow
  int64_t size = 0;    // of the data as they are stored
  int64_t end = 0;     // where the next member, or the directory, begins
  int method = 0;      // 0 stored, 8 deflate
  bool encrypted = false;
};

// How far behind a local header's offset the data may begin at most, and the bytes that always stand
// before the name.
constexpr int64_t kZipLocalHeader = 30, kZipMostBeforeData = kZipLocalHeader + 2 * 65535;

// Bytes at the end of a file in which its end records stand, whatever the comment.
constexpr int64_t kZipMostEnd = 22 + 65535 + 20;

struct ZipEnd {
  ByteRange directory;
  int64_t members = 0;
  // Where the zip64 end record stands, which then has to be read in place of the above.
  std::optional<ByteRange> zip64;
};

// Returns what the end record of a file of `file_size` bytes says; `tail` are its last
// min(file_size, kZipMostEnd) bytes. Errors: kMalformed, kTruncated when there is none.
Result<ZipEnd> readZipEnd(std::span<const uint8_t> tail, int64_t file_size, const std::string& where);

// The same from a zip64 end record.
Result<ZipEnd> readZip64End(std::span<const uint8_t> record, int64_t file_size, const std::string& where);

// Returns the members in that directory, by offset; each lies before the directory. Errors: kMalformed.
Result<std::vector<ZipMember>> readZipDirectory(std::span<const uint8_t> directory, const ZipEnd& end, const std::string& where);

// Returns where a member's data begin, from its local header's first kZipLocalHeader bytes. Errors:
// kMalformed when it is no such header or the data do not lie before member.end.
Result<int64_t> zipDataOffset(const ZipMember& member, std::span<const uint8_t> header, const std::string& where);

}  // namespace beit
