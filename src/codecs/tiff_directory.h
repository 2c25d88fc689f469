// The directory of a TIFF file: what its tags say of the first picture.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/base/result.h"

namespace beit::codecs {

class TiffDirectory {
 public:
  // Finds the first directory, of BigTIFF too. Fails with kBadImage where there is none.
  static Result<TiffDirectory> find(std::span<const uint8_t> file);

  // Fails with kBadImage where the values of one of these tags lie outside of the file.
  Status check(std::span<const uint16_t> tags) const;

  // Returns the whole numbers of a tag; none where there is no such tag, where it is of another type, or where they lie outside.
  std::vector<uint64_t> numbers(uint16_t tag) const;
  // Returns the first of them, or `otherwise`.
  uint64_t number(uint16_t tag, uint64_t otherwise) const;
  // Returns the bytes of a tag, likewise.
  std::span<const uint8_t> bytes(uint16_t tag) const;

  bool isLittleEndian() const { return little_; }
  std::span<const uint8_t> file() const { return file_; }

 private:
  // The values of a tag where they lie, and the bytes of each; 0 for none.
  struct Values {
    std::span<const uint8_t> bytes;
    int64_t size = 0;
    bool are_outside = false;
  };

  uint64_t read(std::span<const uint8_t> bytes) const;
  uint64_t readAt(uint64_t offset, uint64_t size) const;
  Values find(uint16_t tag) const;

  std::span<const uint8_t> file_;
  bool little_ = true;
  bool big_ = false;  // BigTIFF: counts and offsets of 64 bits
  uint64_t first_ = 0, entries_ = 0;
};

}  // namespace beit::codecs
