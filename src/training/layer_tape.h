// A layer of the encoder that is trained: forward with what the way back needs, and that way. See src/layers/transformer/encoder.h.
//
// Of a token it keeps its state, queries, keys, values, context, the state after the attention (6 C), what goes into the activation (F)
// and, for the gradient of layer scale, what both branches put out (2 C). Normalised states, probabilities and what the activation
// makes are made again.
#pragma once

#include <cstdint>
#include <string>

#include "src/base/tensor.h"
#include "src/kernels/execution.h"
#include "src/layers/transformer/encoder.h"
#include "src/training/attention_backward.h"
#include "src/training/gradient_products.h"
#include "src/training/trained_parameters.h"

namespace beit {

// A batch of sequences.
struct Sequences {
  int64_t batch = 0;
  Size grid;  // of patches
  int64_t tokens() const { return 1 + grid.area(); }
  int64_t rows() const { return batch * tokens(); }
};

struct LayerTape {
  FloatBuffer input, query, key, value, context, middle;  // (B, T, C)
  FloatBuffer intermediate;                               // (B, T, F)
  FloatBuffer attention, output;                          // (B, T, C), of the branches; empty where they are not needed

  // Without `kept` for a layer that has no way back: the input is elsewhere. Error: kOutOfMemory.
  static Result<LayerTape> allocate(const Execution& execution, const EncoderSpec& spec, const Sequences& sequences, bool kept,
                                    bool branches);
};

// Memory of one pass, used by all layers in turn.
struct LayerScratch {
  FloatBuffer narrow[2];   // (B, T, C)
  FloatBuffer wide[2];     // (B, T, max(F, 3 C)); the second for the way back
  FloatBuffer factors;     // (B, C): layer scale times branch scale
  FloatBuffer statistics;  // (B, T, 2)
  FloatBuffer panels, scores;
  AttentionBackward attention;
  ProductScratch products;

  // The products are allocated by their owner, who knows of more of them. Error: kOutOfMemory.
  static Result<LayerScratch> allocate(const Execution& execution, const EncoderSpec& spec, const Sequences& sequences, bool backward,
                                       bool biased);
};

class TrainedLayer {
 public:
  TrainedLayer(TrainedParameters& parameters, const std::string& prefix, const EncoderSpec& spec);

  void need(int64_t rows, ProductScratch& products) const;
  // Whether the gradient of layer scale asks for what the branches put out.
  bool needsBranches() const { return lambda_1_ && lambda_1_->trained; }
  TrainedParameter* biasTable() const { return bias_table_; }

  // output (B, T, C) = the layer's output for `input`, which it may be; what the way back needs is left in `tape`.
  // `branch_scale` is (2, B), or null for ones.
  void forward(const Execution& execution, const Sequences& sequences, const GridBias& bias, const float* branch_scale, const float* input,
               LayerTape& tape, LayerScratch& scratch, float* output) const;

  // gradient (B, T, C), of the layer's output, becomes that of its input. What the tables of relative positions get is left in
  // scratch.attention.
  void backward(const Execution& execution, const Sequences& sequences, const GridBias& bias, const float* branch_scale,
                const LayerTape& tape, LayerScratch& scratch, float* gradient) const;

 private:
  const float* factors(const Execution& execution, const Sequences& sequences, const TrainedParameter* lambda, const float* scale,
                       LayerScratch& scratch) const;
  const float* branchBackward(const Execution& execution, const Sequences& sequences, TrainedParameter* lambda, const float* scale,
                              const FloatBuffer& branch, const TrainedLinear& dense, const float* gradient, LayerScratch& scratch,
                              float* branch_gradient) const;

  const EncoderSpec spec_;
  TrainedNorm layernorm_before_, layernorm_after_;
  TrainedLinear query_, key_, value_, attention_output_, intermediate_, output_;
  TrainedParameter *lambda_1_, *lambda_2_, *bias_table_;  // null where they do not exist
};

}  // namespace beit
