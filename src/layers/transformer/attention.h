// Multi-head self-attention with relative position bias. Reference: BeitSelfAttention and
// BeitSelfOutput (transformers 4), BeitAttention (transformers 5).
#pragma once

#include <cstdint>
#include <string>

#include "src/base/tensor.h"
#include "src/kernels/execution.h"
#include "src/layers/linear.h"
#include "src/layers/transformer/relative_position_bias.h"
#include "src/parameters/parameters.h"

namespace beit {

struct AttentionSpec {
  int64_t hidden = 0;  // C
  int64_t heads = 0;   // H
  // Returns D.
  int64_t headDim() const { return hidden / heads; }
};

// Scratch memory of one attention, reused by all layers.
struct AttentionScratch {
  FloatBuffer query, key, value, context;  // (B, T, C) each
  FloatBuffer panels;                      // (B, H): packRows() of the keys, packColumns() of the values
  FloatBuffer scores;                      // (threads, kAttentionRows, T rounded up)

  // Error: kOutOfMemory.
  static Result<AttentionScratch> allocate(const Execution& execution, const AttentionSpec& spec, int64_t batch, int64_t tokens);
};

class Attention {
 public:
  // Adds the parameters of layer `prefix` ("beit.encoder.layer.N.attention").
  void declare(ParameterList& parameters, const std::string& prefix, const AttentionSpec& spec, WeightType type = WeightType::kFloat32);

  // output (B, T, C) = the attention of `input` (B, T, C) through its output projection. `bias` may
  // be empty. `probabilities` is null, or takes (B, H, T, T) after softmax.
  Status run(const Execution& execution, int64_t batch, int64_t tokens, const float* input, const GridBias& bias, AttentionScratch& scratch,
             float* output, float* probabilities) const;

 private:
  void attend(const Execution& execution, int64_t batch, int64_t tokens, const GridBias& bias, AttentionScratch& scratch,
              float* probabilities) const;

  AttentionSpec spec_;
  Linear query_, key_, value_, output_;
};

}  // namespace beit
