// JPEG by libjpeg-turbo, for those that the core does not decode: four colours, arithmetic coding, files that lack their end or have
// bytes between their markers.
#pragma once

#include <cstdint>
#include <span>

#include "src/base/result.h"
#include "src/image/image.h"

namespace beit::codecs {

// Returns the image of a JPEG file, upright, as RGB: the samples that Pillow gives, which decodes by the same library.
// Fails with kBadImage (damaged, cut off before its last row, or of more than 500 scans), kUnsupported (lossless, 12 bits, two components)
// or kOutOfMemory. Reference: Pillow JpegImagePlugin and libImaging/JpegDecode.c.
Result<Image8> decodeJpeg(std::span<const uint8_t> file);

// Returns the samples of a strip or tile of a TIFF file, whose tables may lie apart: one, three or four for each pixel, of three
// RGB. `is_ycc`: three are stored as YCbCr, as the TIFF tells. Fails as decodeJpeg does.
Result<Image8> decodeJpegPiece(std::span<const uint8_t> tables, std::span<const uint8_t> piece, bool is_ycc);

}  // namespace beit::codecs
