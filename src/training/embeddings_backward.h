// Embeddings that are trained: patches, cls and mask tokens, absolute positions. See src/beit/embeddings.h.
#pragma once

#include <cstdint>

#include "src/beit/config.h"
#include "src/kernels/execution.h"
#include "src/model/forward.h"
#include "src/training/gradient_products.h"
#include "src/training/trained_parameters.h"

namespace beit {

// Memory of embeddings, which the way back makes again.
struct EmbeddingsScratch {
  FloatBuffer columns;  // (B, P, pixels of a patch)
  float* patches;       // (B, P, C)
};

class TrainedEmbeddings {
 public:
  TrainedEmbeddings(TrainedParameters& parameters, const BeitConfig& config);

  bool trained() const { return cls_token_->trained; }
  int64_t patchPixels() const { return projection_.inputs; }
  void need(int64_t rows, ProductScratch& products) const { products.need(rows, projection_); }

  // states (B, T, C) = cls token, then the patches' embeddings, plus positions, of inputs that were checked.
  void forward(const Execution& execution, const ForwardInputs& inputs, EmbeddingsScratch& scratch, const ProductScratch& products,
               float* states) const;

  // Adds to the gradients what `gradient` (B, T, C), that of the states, makes them.
  void backward(const Execution& execution, const ForwardInputs& inputs, const float* gradient, EmbeddingsScratch& scratch,
                const ProductScratch& products) const;

 private:
  void unfold(const Execution& execution, const ForwardInputs& inputs, float* columns) const;

  const BeitConfig& config_;
  TrainedLinear projection_;
  TrainedParameter *cls_token_, *mask_token_, *position_embeddings_;  // the last two may be null
};

}  // namespace beit
