// Elements of checkpoints as floats.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "src/base/result.h"
#include "src/base/tensor.h"

namespace beit {

// Returns whether weights may be stored so: F64, F32, F16, BF16.
bool isWeightType(DType dtype);

// Converts whole little-endian elements of a weight type to `out`. The bytes need no alignment. F64 is rounded to nearest;
// the others are exact. `bytes.size()` must be a multiple of the element size.
void convertElements(DType dtype, std::span<const uint8_t> bytes, float* out);

// The inverse: `out` takes values.size() elements of kF32, kF16 or kBF16. The last two are rounded to
// nearest, ties to even; beyond their range lies infinity, and a NaN stays one.
void encodeElements(DType dtype, std::span<const float> values, uint8_t* out);

// Returns an error where a finite value of the tensor `name` would become infinity so. Error: kInvalidArgument.
Status checkHeldBy(DType dtype, const std::string& name, std::span<const float> values);

}  // namespace beit
