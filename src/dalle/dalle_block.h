// What both halves of DALL-E's tokenizer are made of. Reference: EncoderBlock, DecoderBlock and Conv2d
// of the DALL-E repository.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "src/kernels/execution.h"
#include "src/kernels/feature_map.h"
#include "src/layers/conv_module.h"
#include "src/parameters/parameter_group.h"
#include "src/parameters/parameters.h"

namespace beit {

// A convolution with bias whose tensors are called "PREFIX.w" and "PREFIX.b", padded to keep the size.
class DalleConvolution {
 public:
  // `gain` multiplies the result; `relu` clamps it.
  void declare(const Execution& execution, ParameterList& parameters, const std::string& prefix, int64_t inputs, int64_t outputs,
               int64_t kernel_size, float gain = 1.0f, bool relu = false);
  bool declared() const { return outputs_ != 0; }
  Result<FeatureMap> run(const Execution& execution, const FeatureMap& input) const;

 private:
  Status make(const Execution& execution, std::span<const float> weight);

  int64_t inputs_ = 0, outputs_ = 0, kernel_size_ = 0;
  float gain_ = 1.0f;
  bool relu_ = false;
  ParameterGroup group_;
  FloatBuffer bias_;
  DirectConvolution operator_;
};

// id_path(x) + post_gain * res_path(x), whose middle has a quarter of the outputs. An encoder's block
// has its 1x1 convolution last, a decoder's first.
class DalleBlock {
 public:
  enum class Kind { kEncoder, kDecoder };

  void declare(const Execution& execution, ParameterList& parameters, const std::string& prefix, Kind kind, int64_t inputs, int64_t outputs,
               float post_gain);
  Result<FeatureMap> run(const Execution& execution, FeatureMap input) const;

 private:
  DalleConvolution id_path_;  // only where the channels differ
  std::array<DalleConvolution, 4> res_path_;
};

// map = max(map, 0)
void relu(const Execution& execution, FeatureMap& map);

}  // namespace beit
