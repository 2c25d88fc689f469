// BMP, of Windows and OS/2.
#pragma once

#include <cstdint>
#include <span>

#include "src/base/result.h"
#include "src/image/image.h"

namespace beit {

// Returns the picture of a BMP file, or of one without its first header (a DIB, as a clipboard has it), with three channels: 1, 4 and 8
// bits with a palette, plain or run-length coded; 16 (five or six bits a colour), 24 and 32 bits, whose fourth byte is dropped; rows from
// the bottom or from the top. Errors: kBadImage for a file that is damaged, cut off, too large, or of a kind that Pillow refuses;
// kOutOfMemory. Reference: Pillow BmpImagePlugin.py and Unpack.c, convert("RGB").
Result<Image8> readBmp(std::span<const uint8_t> file);

}  // namespace beit
