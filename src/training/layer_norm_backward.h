// The way back through a layer norm. Its normalised input is made again of the input, with two numbers a row.
#pragma once

#include <cstdint>

#include "src/kernels/execution.h"
#include "src/training/trained_parameters.h"

namespace beit {

// Adds to the gradients of weight and bias, and input_gradient (rows, C) = the gradient of `input` (rows, C), of which the norm made
// what has `output_gradient`; or += that. input_gradient may be output_gradient. `statistics` is scratch, (rows, 2).
void layerNormBackward(const Execution& execution, int64_t rows, const TrainedNorm& norm, const float* input, const float* output_gradient,
                       float* statistics, float* input_gradient, bool accumulate);

}  // namespace beit
