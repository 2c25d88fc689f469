// Image files that the core leaves to others, to RGB samples. Nothing of the core links this: it is a wasm module of its
// own, which is fetched when such a file comes.
#pragma once

#include <cstdint>
#include <span>

#include "src/base/result.h"
#include "src/image/image.h"

namespace beit::codecs {

// Returns the image of a JPEG, TIFF or WebP file (of several the first), upright, with three channels: opacity is dropped as
// Pillow's convert("RGB") drops it. The samples are Pillow's.
// Errors: kUnsupported for a file of another format or of a variant that is not read here; kBadImage for one that is
// damaged, cut off or larger than kMaxImagePixels; kOutOfMemory.
Result<Image8> decode(std::span<const uint8_t> file);

}  // namespace beit::codecs
