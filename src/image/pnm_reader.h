// Netpbm's files: PBM, PGM and PPM, binary and as text, and PFM's grey floats.
#pragma once

#include <cstdint>
#include <span>

#include "src/base/result.h"
#include "src/image/image.h"

namespace beit {

// Returns the picture of a PNM file with three channels. Samples are spread over 8 bits by the file's own largest value,
// floats cut off at 0 and 255.
// Errors: kBadImage for a file that is damaged, cut off or too large; kOutOfMemory.
// Reference: Pillow PpmImagePlugin.py, convert("RGB"); but of a grey picture with more than 8 bits that cuts off all
// above 255, which leaves it white, where here it is spread like every other.
Result<Image8> readPnm(std::span<const uint8_t> file);

}  // namespace beit
