// AdamW as torch.optim.AdamW computes it, in floats.
// Reference: torch/optim/adam.py, _single_tensor_adam with decoupled_weight_decay.
#pragma once

#include <cstdint>
#include <span>

namespace beit {

// What one step does with one parameter.
struct AdamWStep {
  int64_t step;  // from 1
  double rate;
  double decay;
  double beta1, beta2, epsilon;
  float gradient_scale = 1.0f;  // gradients are multiplied by it first
};

// Moves `values` by their gradients. All spans have the same size. Elements do not depend on each other.
void moveByAdamW(const AdamWStep& step, std::span<float> values, std::span<const float> gradients, std::span<float> first,
                 std::span<float> second);

}  // namespace beit
