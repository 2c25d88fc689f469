#pragma once

#include <cstdint>

#include "src/kernels/activation.h"
#include "src/kernels/execution.h"

namespace beit {

// Each of `count` gradients is multiplied by the derivative of the activation at `inputs`, what went into it. Both must be
// accessible for whole groups of four, that is up to FloatBuffer::kSlack past the end. At 0, relu's is 0, as in the reference.
void activationBackward(const Execution& execution, Activation activation, const float* inputs, float* gradients, int64_t count);

}  // namespace beit
