// Elements of checkpoints as floats.
#pragma once

#include <cstdint>
#include <span>

#include "src/tensor.h"

namespace beit {

// Returns whether weights may be stored so: F64, F32, F16, BF16.
bool isWeightType(DType dtype);

// Converts whole little-endian elements of a weight type to `out`. The bytes need no alignment. F64 is rounded to nearest;
// the others are exact. `bytes.size()` must be a multiple of the element size.
void convertElements(DType dtype, std::span<const uint8_t> bytes, float* out);

}  // namespace beit
