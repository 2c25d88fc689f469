// A transposed convolution of kernel 2 and stride 2: each pixel becomes four, none shared, so it is
// a linear layer whose outputs are laid out anew.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "src/kernels/feature_map.h"
#include "src/layers/conv_module.h"
#include "src/layers/linear.h"

namespace beit {

class TransposedConvolution {
 public:
  // Adds "PREFIX.weight" (inputs, outputs, 2, 2) and "PREFIX.bias" (outputs) and, where `norm_prefix`
  // is not empty, a BatchNorm2d that follows, folded in. When all have arrived they are packed on the threads of `execution`,
  // which must stay until then. Reference: torch.nn.ConvTranspose2d.
  void declare(const Execution& execution, ParameterList& parameters, const std::string& prefix, int64_t channels,
               const std::string& norm_prefix, WeightType type = WeightType::kFloat32);

  // The same, followed by the 1 x 1 convolution "LATERAL.conv.weight" with its BatchNorm "LATERAL.bn.*" and ReLU:
  // nothing lies between the two products, so they are one, of the product of their weights.
  void declareWithLateral(const Execution& execution, ParameterList& parameters, const std::string& prefix, int64_t channels,
                          const std::string& lateral_prefix, WeightType type);

  // Returns the map of twice the size.
  Result<FeatureMap> run(const Execution& execution, const FeatureMap& input) const;

 private:
  void declareParts(const Execution& execution, ParameterList& parameters, const std::string& prefix, const std::string& norm_prefix,
                    WeightType type);
  Status make(const Execution& execution, std::span<const float> weight);
  int64_t bandRows(Size input) const;
  Status composeLateral(const Execution& execution, float* rows, float* bias);

  int64_t channels_ = 0;
  ParameterGroup group_;
  FloatBuffer bias_;
  FloatBuffer lateral_;  // (outputs, outputs) until the weight has come, where there is one
  bool has_lateral_ = false;
  BatchNorm batch_norm_;
  Linear linear_;  // (4 * outputs, inputs): rows by (dy, dx, output)
};

}  // namespace beit
