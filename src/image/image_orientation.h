// Which way up a photo is: cameras store it as their sensor has it, and tell how to turn it.
// Reference: Pillow ImageOps.exif_transpose, which transformers' load_image calls.
#pragma once

#include <cstdint>
#include <span>

#include "src/base/result.h"
#include "src/image/image.h"

namespace beit {

// Returns the orientation that EXIF's bytes tell, or where they have none that of XMP's text: 1 to 8, and 1 (upright)
// where neither has one, or one that is no orientation. Reads nothing outside of them, whatever they hold.
// Reference: Pillow Image.getexif.
int orientationOf(std::span<const uint8_t> exif, std::span<const uint8_t> xmp);

// Returns orientationOf the EXIF and XMP of a JPEG file.
int jpegOrientation(std::span<const uint8_t> jpeg);

// Returns `image` turned and mirrored such that it is upright; `image` itself for orientation 1.
// Fails with kOutOfMemory.
Result<Image8> makeUpright(Image8 image, int orientation);

}  // namespace beit
