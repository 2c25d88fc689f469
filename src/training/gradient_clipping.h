// The norm of all gradients, and what they are multiplied by where it is too great.
// Reference: torch.nn.utils.clip_grad_norm_.
#pragma once

#include <span>

#include "src/base/result.h"
#include "src/kernels/execution.h"
#include "src/training/training_model.h"

namespace beit {

// Returns the norm of the gradients of all parameters that learn, summed in double precision in a fixed order, whoever computes it.
// NaN and infinity come through. Error: kOutOfMemory.
Result<double> gradientNorm(const Execution& execution, std::span<const TrainedParameter> parameters);

// Returns the factor that brings a norm down to `most`; 1 where it is less, and where `most` is 0.
float clippingFactor(double norm, double most);

}  // namespace beit
