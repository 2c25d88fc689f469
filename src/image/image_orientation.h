// Which way up a photo is: cameras store it as their sensor has it, and tell how to turn it.
// Reference: Pillow ImageOps.exif_transpose, which transformers' load_image calls.
#pragma once

#include <cstdint>
#include <span>

#include "src/base/result.h"
#include "src/image/image.h"

namespace beit {

// Returns EXIF's orientation of a JPEG file, 1 to 8; 1 (upright) where it has none, or none that
// can be read. Reads nothing outside `jpeg`, whatever that holds.
int exifOrientation(std::span<const uint8_t> jpeg);

// Returns `image` turned and mirrored such that it is upright; `image` itself for orientation 1.
// Fails with kOutOfMemory.
Result<Image8> makeUpright(Image8 image, int orientation);

}  // namespace beit
