// The still pictures of AV1, by dav1d.
#pragma once

#include <cstdint>
#include <span>

#include "src/avif/planes.h"
#include "src/base/result.h"

namespace beit::avif {

// Returns the first picture of AV1 data. Its colours are what the data says.
// Errors: kBadImage for data that is damaged, cut off or of more than 2^26 pixels; kOutOfMemory.
Result<Planes> decodeAv1(std::span<const uint8_t> data);

}  // namespace beit::avif
