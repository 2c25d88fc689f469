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

// columns (P, planes * patch height * patch width) = the patches of one image (planes, height, width).
void unfoldPatches(const Execution& execution, const float* image, int64_t planes, Size size, Size patch, float* columns);

// Returns an error when the inputs do not fit the config: channels, at least one patch, a mask of (B, P) and only where the
// model has a mask token. Without `values` of the pixels only their shape is looked at.
Status checkInputs(const ForwardInputs& inputs, const BeitConfig& config, bool values = true);

class Embeddings {
 public:
  // Adds the parameters under `prefix` ("beit.embeddings"). `config` must outlive the object.
  void declare(const Execution& execution, ParameterList& parameters, const std::string& prefix, const BeitConfig& config);

  Status check(const ForwardInputs& inputs) const { return checkInputs(inputs, *config_); }

  // states (B, T, C), of images `first` to first + count = cls token, then the patches' embeddings, plus positions.
  Status run(const Execution& execution, const ForwardInputs& inputs, int64_t first, int64_t count, float* states) const;

 private:
  Status embedPatches(const Execution& execution, const Tensor& pixel_values, Size grid, int64_t first, int64_t count, float* states) const;

  const BeitConfig* config_ = nullptr;
  Linear projection_;
  FloatBuffer cls_token_, mask_token_;  // (1, 1, C)
  FloatBuffer position_embeddings_;     // (1, 1 + P, C)
};

}  // namespace beit
