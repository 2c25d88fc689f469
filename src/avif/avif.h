// AVIF, for a wasm module of its own that nothing of the core links: it is had where somebody has such files.
#pragma once

#include <cstdint>
#include <span>

#include "src/base/result.h"
#include "src/image/image.h"

namespace beit::avif {

// Returns the still picture of an AVIF file, upright, with three channels: opacity is dropped as Pillow's convert("RGB") drops it.
// The samples are Pillow's, which has libavif and libyuv.
// Errors: kUnsupported for another codec in the same container (HEIC), for a sequence without a still picture, for colours that were
// multiplied by the opacity, and for matrices that are not in use; kBadImage for a file that is damaged, cut off, of more than 2^26
// pixels (a grid: of more than kMaxImagePixels); kOutOfMemory.
// Reference: Pillow AvifImagePlugin.py and _avif.c.
Result<Image8> decode(std::span<const uint8_t> file);

}  // namespace beit::avif
