// The way back through attention. Probabilities are made again, some rows of a head at a time, so that no array of
// tokens x tokens is held.
#pragma once

#include <cstdint>

#include "src/base/tensor.h"
#include "src/kernels/execution.h"
#include "src/layers/transformer/attention.h"
#include "src/layers/transformer/relative_position_bias.h"

namespace beit {

// Gradients of what attention read, (B, T, C) each.
struct AttentionGradients {
  float *query, *key, *value;
};

class AttentionBackward {
 public:
  AttentionBackward() = default;

  // Allocates the scratch memory of all layers, with `biased` for gradients of bias tables. Error: kOutOfMemory.
  static Result<AttentionBackward> allocate(const Execution& execution, const AttentionSpec& spec, int64_t batch, Size grid, bool biased);

  // Makes the gradients of queries, keys and values from that of the context, (B, T, C), for what attend() made of `states` and `bias`.
  // Queries are times 1/√D in `states`; their gradient is for those that are not. An image's head is one task.
  void run(const Execution& execution, const AttentionStates& states, const GridBias& bias, const float* context_gradient,
           const AttentionGradients& gradients);

  // What run() made of the scores' gradients (see addBiasTableGradient()); null where it was not asked for.
  const float* biasGradients() const { return bias_gradients_.data(); }

 private:
  void runHead(const Execution& execution, size_t thread, int64_t image, int64_t head, const AttentionStates& states, const GridBias& bias,
               const float* context_gradient, const AttentionGradients& gradients);

  AttentionSpec spec_;
  int64_t batch_ = 0, tokens_ = 0;
  Size grid_;
  FloatBuffer rooms_;           // of each thread
  FloatBuffer bias_gradients_;  // (B, H, GridBiasGradient::floats())
};

}  // namespace beit
