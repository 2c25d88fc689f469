#include "src/dalle/dalle_block.h"

#include <algorithm>

#include "src/kernels/activation.h"

namespace beit {

void DalleConvolution::declare(const Execution& execution, ParameterList& parameters, const std::string& prefix, int64_t inputs,
                               int64_t outputs, int64_t kernel_size, float gain, bool relu) {
  inputs_ = inputs;
  outputs_ = outputs;
  kernel_size_ = kernel_size;
  gain_ = gain;
  relu_ = relu;
  operator_ = DirectConvolution(inputs, outputs, kernel_size);
  group_.add(parameters, prefix + ".b", {outputs}, bias_);
  group_.addWeight(parameters, prefix + ".w", {outputs, inputs, kernel_size, kernel_size},
                   [this, &execution](std::span<float> weight) { return make(execution, weight); });
}

Status DalleConvolution::make(const Execution& execution, std::span<const float> weight) {
  FloatBuffer bias = std::move(bias_);
  for (float& value : bias.span()) value *= gain_;
  BEIT_ASSIGN(FloatBuffer kernel, FloatBuffer::allocate(static_cast<int64_t>(weight.size()), "a convolution's kernel"));
  oihwToOhwi(
      weight.data(), outputs_, inputs_, 0, inputs_, kernel_size_, [this](int64_t) { return gain_; }, kernel.data());
  return operator_.make(execution, kernel.data(), bias.data(), relu_);
}

Result<FeatureMap> DalleConvolution::run(const Execution& execution, const FeatureMap& input) const {
  BEIT_ASSIGN(FeatureMap output, FeatureMap::allocate(execution.workspace(), input.size, outputs_, "a tokenizer's features"));
  BEIT_TRY(operator_.run(execution, input, output.data()));
  return output;
}

void DalleBlock::declare(const Execution& execution, ParameterList& parameters, const std::string& prefix, Kind kind, int64_t inputs,
                         int64_t outputs, float post_gain) {
  const int64_t middle = outputs / 4;
  if (inputs != outputs) id_path_.declare(execution, parameters, prefix + ".id_path", inputs, outputs, 1);
  for (size_t i = 0; i < res_path_.size(); ++i) {
    const bool first = i == 0, last = i + 1 == res_path_.size();
    const int64_t kernel_size = (kind == Kind::kEncoder ? last : first) ? 1 : 3;
    // The relu in front of each inner convolution is the clamp of the one before; the post gain is
    // part of the last one's weights.
    res_path_[i].declare(execution, parameters, prefix + ".res_path.conv_" + std::to_string(i + 1), first ? inputs : middle,
                         last ? outputs : middle, kernel_size, last ? post_gain : 1.0f, /*relu=*/!last);
  }
}

Result<FeatureMap> DalleBlock::run(const Execution& execution, FeatureMap input) const {
  FeatureMap identity;
  if (id_path_.declared()) {
    BEIT_ASSIGN(identity, id_path_.run(execution, input));
  } else {
    BEIT_ASSIGN(identity, FeatureMap::allocate(execution.workspace(), input.size, input.channels, "a tokenizer's features"));
    execution.compute([&] { std::copy_n(input.data(), input.count(), identity.data()); });
  }
  relu(execution, input);
  for (const DalleConvolution& convolution : res_path_) {
    BEIT_ASSIGN(input, convolution.run(execution, input));
  }
  execution.compute([&] {
    for (int64_t i = 0; i < input.count(); ++i) identity.data()[i] += input.data()[i];
  });
  return identity;
}

void relu(const Execution& execution, FeatureMap& map) { applyActivation(execution, Activation::kRelu, map.data(), map.count()); }

}  // namespace beit
