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

// What attention reads and writes, (B, T, C) each; queries are times 1/√D.
struct AttentionStates {
  const float *query, *key, *value;
  float* context;
};

// context = softmax(query @ key^T + bias) @ value for each image and head. `bias` may be empty. `panels` and `scores` have
// as many floats as the next two functions say. `probabilities` is null, or takes (B, H, T, T) after softmax.
void attend(const Execution& execution, const AttentionSpec& spec, int64_t batch, int64_t tokens, const AttentionStates& states,
            const GridBias& bias, float* panels, float* scores, float* probabilities);
int64_t attentionPanelFloats(const AttentionSpec& spec, int64_t batch, int64_t tokens);
int64_t attentionScoreFloats(const Execution& execution, int64_t tokens);

// Replaces `count` scores by exp(score - max) / sum.
void softmaxRow(float* scores, int64_t count);

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
  void declare(const Execution& execution, ParameterList& parameters, const std::string& prefix, const AttentionSpec& spec,
               WeightType type = WeightType::kFloat32);

  // output (B, T, C) = the attention of `input` (B, T, C) through its output projection. `bias` may
  // be empty. `probabilities` is null, or takes (B, H, T, T) after softmax.
  Status run(const Execution& execution, int64_t batch, int64_t tokens, const float* input, const GridBias& bias, AttentionScratch& scratch,
             float* output, float* probabilities) const;

 private:
  AttentionSpec spec_;
  Linear query_, key_, value_, output_;
};

}  // namespace beit
