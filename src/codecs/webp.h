// WebP by libwebp: lossy, lossless, with and without transparency.
#pragma once

#include <cstdint>
#include <span>

#include "src/base/result.h"
#include "src/image/image.h"

namespace beit::codecs {

// Returns the image of a WebP file, upright, as RGB; of an animation its first frame, on a canvas that is black elsewhere.
// Fails with kBadImage or kOutOfMemory.
// Reference: Pillow WebPImagePlugin, which reads every file by libwebp's WebPAnimDecoder.
Result<Image8> decodeWebp(std::span<const uint8_t> file);

}  // namespace beit::codecs
