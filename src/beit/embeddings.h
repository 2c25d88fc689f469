// Pixels to tokens. Reference: BeitEmbeddings (transformers 5: the mask comes before the absolute
// positions, which are resized to the input).
#pragma once

#include <cstdint>
#include <string>

#include "src/beit/config.h"
#include "src/kernels/execution.h"
#include "src/layers/linear.h"
#include "src/model/forward.h"
#include "src/parameters/parameters.h"

namespace beit {

class Embeddings {
 public:
  // Adds the parameters under `prefix` ("beit.embeddings"). `config` must outlive the object.
  void declare(ParameterList& parameters, const std::string& prefix, const BeitConfig& config);

  // Returns an error when the inputs do not fit the config: channels, at least one patch, a mask of
  // (B, P) and only where the model has a mask token.
  Status check(const ForwardInputs& inputs) const;

  // states (B, T, C) = cls token, then the patches' embeddings, plus positions.
  Status run(const Execution& execution, const ForwardInputs& inputs, float* states) const;

 private:
  Status embedPatches(const Execution& execution, const Tensor& pixel_values, Size grid, float* states) const;

  const BeitConfig* config_ = nullptr;
  Linear projection_;
  FloatBuffer cls_token_, mask_token_;  // (1, 1, C)
  FloatBuffer position_embeddings_;     // (1, 1 + P, C)
};

}  // namespace beit
