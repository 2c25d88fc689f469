// The compressions of TIFF's strips and tiles that no library here has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace beit::codecs {

// Each decompresses into `out` until that is full or the data end, and returns how many bytes it has written.

// Runs of bytes, as Macintosh's PackBits.
size_t unpackBits(std::span<const uint8_t> packed, std::span<uint8_t> out);

// TIFF's LZW: codes from the high bit on, which become longer one entry early.
size_t unpackLzw(std::span<const uint8_t> packed, std::span<uint8_t> out);

}  // namespace beit::codecs
