// Floats as integers times a scale, one for each row: symmetric, so no zero points.
#pragma once

#include <cstdint>

#include "src/base/result.h"
#include "src/base/tensor.h"

namespace beit {

// The largest magnitude that weights are quantised to. Files of others may hold -128, too.
inline constexpr int32_t kWeightLimit = 127;

// A row's integers in the groups of eight that quantizeRow() writes.
constexpr int64_t groupedInputs(int64_t inputs) { return (inputs + 7) / 8 * 8; }

// to[i] = from[i] / scale, rounded to the nearest integer (ties to even), with the scale that makes
// the largest magnitude `limit`. Returns the scale: 0 where all are below 1e-30, NaN where one is not
// finite; all numbers are 0 then. `to` takes whole groups of eight.
float quantizeRow(int64_t count, const float* from, int32_t limit, int16_t* to);

// The same for a whole matrix (outputs, inputs) in 8 bits, with a scale for each output. One of next to
// nothing but zeros has the scale 1, so that all scales are numbers above 0. Returns false, with
// nothing to be used, where a weight is not finite.
bool quantizeWeights(int64_t inputs, int64_t outputs, const float* weight, int8_t* values, float* scales);

// Scale and bias of each output of a quantised matrix, outputs rounded up to whole panels; 0 past the last one.
struct OutputScales {
  // `bias` (outputs) may be null for zeros; the scales are 0 until they are set. Error: kOutOfMemory.
  static Result<OutputScales> make(int64_t outputs, const float* bias);
  // W and b = W and b times `factor`; no quantised value changes.
  void scale(float factor);

  FloatBuffer scales, bias;
};

}  // namespace beit
