// TIFF: strips and tiles, uncompressed, by PackBits, LZW, Deflate and JPEG.
#pragma once

#include <cstdint>
#include <span>

#include "src/base/result.h"
#include "src/image/image.h"

namespace beit::codecs {

// Returns the first picture of a TIFF or BigTIFF file, upright, as RGB: grey and palettes of 1 to 8 bits, grey, RGB and CMYK of 8
// and 16 (their upper 8), grey of 32 bits (cut off at 0 and 255).
// Errors: kUnsupported, with its name, for any other compression, colour or form of samples; kBadImage for a file that is damaged, cut
// off or larger than kMaxImagePixels; kOutOfMemory.
// Reference: Pillow TiffImagePlugin, and libtiff.
Result<Image8> decodeTiff(std::span<const uint8_t> file);

}  // namespace beit::codecs
