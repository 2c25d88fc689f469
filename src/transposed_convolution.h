// A transposed convolution of kernel 2 and stride 2: each pixel becomes four, none shared, so it is
// a linear layer whose outputs are laid out anew.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "src/convolution.h"
#include "src/feature_map.h"
#include "src/linear.h"

namespace beit {

class TransposedConvolution {
 public:
  // Adds "PREFIX.weight" (inputs, outputs, 2, 2) and "PREFIX.bias" (outputs) and, where `norm_prefix`
  // is not empty, a BatchNorm2d that follows, folded in. Reference: torch.nn.ConvTranspose2d.
  void declare(ParameterList& parameters, const std::string& prefix, int64_t channels, const std::string& norm_prefix);

  // Returns the map of twice the size.
  Result<FeatureMap> run(const ThreadPool& pool, const FeatureMap& input) const;

 private:
  Status make(std::span<const float> weight);

  int64_t channels_ = 0;
  TensorGroup group_;
  FloatBuffer bias_;
  BatchNorm batch_norm_;
  Linear linear_;  // (4 * outputs, inputs): rows by (dy, dx, output)
};

}  // namespace beit
