// Image files to RGB samples.
#pragma once

#include <cstdint>
#include <span>

#include "src/base/result.h"
#include "src/image/image.h"

namespace beit {

// Returns the image of a PNG, JPEG, BMP, GIF (its first frame) or PNM file, upright, always with
// three channels: opacity is dropped as Pillow's convert("RGB") drops it, grey is spread, 16 bits
// become 8. PNG, BMP, GIF and PNM give the samples that Pillow gives, which cuts off grey of 16 bits
// at 255; JPEG may differ by a few levels, as decoders do.
// Errors: those of recognizeImage; kUnsupported for a JPEG of four colours, or of four columns or fewer
// in colour, which src/codecs decodes;
// kBadImage for a file that is damaged or cut off, larger than kMaxImagePixels, or of a variant that
// the decoder does not know (arithmetic-coded JPEG); kOutOfMemory.
// Reference: transformers image_utils.load_image, exif_transpose and convert("RGB") of Pillow.
Result<Image8> decodeImage(std::span<const uint8_t> file);

}  // namespace beit
