// PNG: what a file says besides its pixels. Those are stb_image's.
#pragma once

#include <cstdint>
#include <span>

#include "src/base/result.h"
#include "src/image/image.h"

namespace beit {

// Returns the picture of a PNG file, or the first frame of an APNG, upright, with three channels. A file may end behind
// its pixels. What is wrong is refused where Pillow refuses it: a checksum of a chunk before the pixels, or that of the
// pixels themselves.
// Errors: kBadImage for a file that is damaged, cut off or too large; kOutOfMemory.
// Reference: Pillow PngImagePlugin.py, exif_transpose and convert("RGB").
Result<Image8> readPng(std::span<const uint8_t> file);

}  // namespace beit
