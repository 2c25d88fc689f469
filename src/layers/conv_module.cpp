#include "src/layers/conv_module.h"

#include <cmath>

namespace beit {

namespace {

constexpr float kBatchNormEpsilon = 1e-5f;  // torch's default, which the reference takes

// sum += addend, then relu if asked.
void accumulate(const Execution& execution, const FeatureMap& addend, FeatureMap& sum, bool relu) {
  const WorkTimer timer(execution.profile(), Work::kConvolution);
  const int64_t row = sum.size.width * sum.channels;
  execution.parallelFor(static_cast<size_t>(sum.size.height), [&](size_t, size_t y) {
    float* to = sum.data() + static_cast<int64_t>(y) * row;
    const float* from = addend.data() + static_cast<int64_t>(y) * row;
    for (int64_t i = 0; i < row; ++i) {
      const float value = to[i] + from[i];
      to[i] = relu && value < 0.0f ? 0.0f : value;
    }
  });
}

}  // namespace

void BatchNorm::declare(ParameterList& parameters, ParameterGroup& group, const std::string& prefix, int64_t channels) {
  declared_ = true;
  group.add(parameters, prefix + ".weight", {channels}, weight_);
  group.add(parameters, prefix + ".bias", {channels}, bias_);
  group.add(parameters, prefix + ".running_mean", {channels}, running_mean_);
  group.add(parameters, prefix + ".running_var", {channels}, running_var_);
}

float BatchNorm::scale(int64_t channel) const {
  return weight_.data()[channel] / std::sqrt(running_var_.data()[channel] + kBatchNormEpsilon);
}

float BatchNorm::shift(int64_t channel) const { return bias_.data()[channel] - running_mean_.data()[channel] * scale(channel); }

void ConvModule::declare(const Execution& execution, ParameterList& parameters, const std::string& prefix, std::vector<int64_t> parts,
                         int64_t outputs, int64_t kernel_size, Kind kind) {
  parts_ = std::move(parts);
  outputs_ = outputs;
  kernel_size_ = kernel_size;
  kind_ = kind;
  int64_t inputs = 0;
  for (const int64_t part : parts_) {
    inputs += part;
    operators_.emplace_back(part, outputs, kernel_size);
  }
  std::string weight = prefix + ".weight";
  if (kind == Kind::kNormalizedRelu) {
    weight = prefix + ".conv.weight";
    batch_norm_.declare(parameters, group_, prefix + ".bn", outputs);
  } else {
    group_.add(parameters, prefix + ".bias", {outputs}, bias_);
  }
  group_.addWeight(parameters, weight, {outputs, inputs, kernel_size, kernel_size},
                   [this, &execution](std::span<float> values) { return make(execution, values); });
}

Status ConvModule::make(const Execution& execution, std::span<const float> weight) {
  const int64_t taps = kernel_size_ * kernel_size_;
  const int64_t inputs = static_cast<int64_t>(weight.size()) / (outputs_ * taps);
  const bool normalized = batch_norm_.declared();
  BEIT_ASSIGN(FloatBuffer bias, FloatBuffer::allocate(outputs_, "a convolution's bias"));
  for (int64_t o = 0; o < outputs_; ++o) bias.data()[o] = normalized ? batch_norm_.shift(o) : bias_.data()[o];
  int64_t first = 0;
  for (size_t p = 0; p < parts_.size(); first += parts_[p], ++p) {
    BEIT_ASSIGN(FloatBuffer kernel, FloatBuffer::allocate(outputs_ * taps * parts_[p], "a convolution's kernel"));
    oihwToOhwi(
        weight.data(), outputs_, inputs, first, parts_[p], kernel_size_,
        [&](int64_t o) { return normalized ? batch_norm_.scale(o) : 1.0f; }, kernel.data());
    const bool last = p + 1 == parts_.size();
    BEIT_TRY(operators_[p].make(execution, kernel.data(), p == 0 ? bias.data() : nullptr,
                                /*relu=*/normalized && last && p == 0));
  }
  bias_ = {};
  batch_norm_ = {};
  return {};
}

Status ConvModule::run(const Execution& execution, size_t part, const FeatureMap& input, FeatureMap& output) const {
  if (part == 0) return operators_[0].run(execution, input, output.data());
  BEIT_ASSIGN(FeatureMap share, FeatureMap::allocate(execution.workspace(), output.size, outputs_, "a share of a convolution"));
  BEIT_TRY(operators_[part].run(execution, input, share.data()));
  accumulate(execution, share, output, kind_ == Kind::kNormalizedRelu && part + 1 == parts_.size());
  return {};
}

}  // namespace beit
