// The heads that are trained: rows of the last states (a mean of patches, the cls token, masked patches), norms, a fully connected
// layer, and the loss. See src/beit/image_classification.h and masked_image_modeling.h.
#pragma once

#include <cstdint>
#include <vector>

#include "src/beit/config.h"
#include "src/kernels/execution.h"
#include "src/model/forward.h"
#include "src/training/gradient_products.h"
#include "src/training/layer_tape.h"
#include "src/training/trained_parameters.h"

namespace beit {

struct HeadTape {
  std::vector<FloatBuffer> states;  // (rows, C): what the head reads, then what each norm makes of it
  Tensor logits;                    // (rows, classes)
  FloatBuffer logit_gradient;       // (rows, classes)
  FloatBuffer statistics;           // (rows, 2)
};

class TrainedHead {
 public:
  enum class Reads { kMeanOfPatches, kCls, kMaskedPatches };

  TrainedHead(TrainedParameters& parameters, const BeitConfig& config, Reads reads);

  // Returns an error unless the labels fit; without labels only what the head reads is looked at.
  Status check(const ForwardInputs& inputs) const;
  // Returns the rows that the head reads of inputs that were checked.
  int64_t rows(const ForwardInputs& inputs) const;
  void need(int64_t rows, ProductScratch& products) const { products.need(rows, linear_); }

  // Error: kOutOfMemory.
  Result<HeadTape> allocate(const Execution& execution, int64_t rows) const;

  // Makes the logits of `states` (B, T, C).
  void forward(const Execution& execution, const ForwardInputs& inputs, const Sequences& sequences, const float* states, HeadTape& tape,
               const ProductScratch& products) const;

  // Returns the mean loss of the logits; with `gradients` also makes `weight` times their gradient.
  float loss(const Execution& execution, const ForwardInputs& inputs, float weight, bool gradients, HeadTape& tape) const;

  // Adds to the gradients, and makes that of the states, (B, T, C).
  void backward(const Execution& execution, const ForwardInputs& inputs, const Sequences& sequences, HeadTape& tape,
                const ProductScratch& products, float* gradient) const;

 private:
  const BeitConfig& config_;
  const Reads reads_;
  std::vector<TrainedNorm> norms_;
  TrainedLinear linear_;
};

}  // namespace beit
