#include "src/layers/transposed_convolution.h"

#include <algorithm>
#include "src/kernels/gemm/f32.h"

namespace beit {

namespace {

void copyRow(const float* from, int64_t count, bool relu, float* to) {
  if (!relu) std::copy_n(from, count, to);
  else std::transform(from, from + count, to, [](float value) { return value < 0.0f ? 0.0f : value; });
}

}  // namespace

void TransposedConvolution::declare(const Execution& execution, ParameterList& parameters, const std::string& prefix, int64_t channels,
                                    const std::string& norm_prefix, WeightType type) {
  channels_ = channels;
  declareParts(execution, parameters, prefix, norm_prefix, type);
}

void TransposedConvolution::declareWithLateral(const Execution& execution, ParameterList& parameters, const std::string& prefix,
                                               int64_t channels, const std::string& lateral_prefix, WeightType type) {
  channels_ = channels;
  has_lateral_ = true;
  group_.add(parameters, lateral_prefix + ".conv.weight", {channels, channels, 1, 1}, lateral_);
  declareParts(execution, parameters, prefix, lateral_prefix + ".bn", type);
}

void TransposedConvolution::declareParts(const Execution& execution, ParameterList& parameters, const std::string& prefix,
                                         const std::string& norm_prefix, WeightType type) {
  linear_ = Linear(type, channels_, 4 * channels_);
  group_.add(parameters, prefix + ".bias", {channels_}, bias_);
  if (!norm_prefix.empty()) batch_norm_.declare(parameters, group_, norm_prefix, channels_);
  group_.addWeight(
      parameters, prefix + ".weight", {channels_, channels_, 2, 2},
      [this, &execution](std::span<float> weight) { return make(execution, weight); },
      type == WeightType::kInt8 ? formatOf(type).weightBytes(channels_, 4 * channels_) : -1);
}

Status TransposedConvolution::make(const Execution& execution, std::span<const float> weight) {
  const int64_t channels = channels_;
  BEIT_ASSIGN(FloatBuffer rows, FloatBuffer::allocate(4 * channels * channels, "a transposed convolution"));
  BEIT_ASSIGN(FloatBuffer bias, FloatBuffer::allocate(4 * channels, "a transposed convolution's bias"));
  execution.parallelFor(static_cast<size_t>(4 * channels), [&](size_t, size_t row) {
    const int64_t tap = static_cast<int64_t>(row) / channels, o = static_cast<int64_t>(row) % channels;
    bias.data()[row] = bias_.data()[o];
    for (int64_t i = 0; i < channels; ++i)
      rows.data()[static_cast<int64_t>(row) * channels + i] = weight[static_cast<size_t>((i * channels + o) * 4 + tap)];
  });
  if (has_lateral_) BEIT_TRY(composeLateral(execution, rows.data(), bias.data()));
  if (batch_norm_.declared())
    for (int64_t row = 0; row < 4 * channels; ++row) {
      const float scale = batch_norm_.scale(row % channels);
      bias.data()[row] = bias.data()[row] * scale + batch_norm_.shift(row % channels);
      for (int64_t i = 0; i < channels; ++i) rows.data()[row * channels + i] *= scale;
    }
  bias_ = {};
  lateral_ = {};
  batch_norm_ = {};
  return linear_.make(execution, rows.data(), bias.data());
}

// Each tap's rows and bias = lateral x them.
Status TransposedConvolution::composeLateral(const Execution& execution, float* rows, float* bias) {
  const int64_t channels = channels_;
  BEIT_ASSIGN(FloatBuffer panels, FloatBuffer::allocate(packedFloats(channels, channels), "a product of weights"));
  BEIT_ASSIGN(FloatBuffer product, FloatBuffer::allocate(channels * channels, "a product of weights"));
  for (int64_t tap = 0; tap < 4; ++tap) {
    float* tap_rows = rows + tap * channels * channels;
    packColumns(execution, channels, channels, tap_rows, channels, panels.data());
    multiplyPacked(execution, channels, channels, channels, lateral_.data(), channels, panels.data(), nullptr, product.data(), channels);
    std::copy_n(product.data(), channels * channels, tap_rows);
    float* tap_bias = bias + tap * channels;
    for (int64_t o = 0; o < channels; ++o) {
      double sum = 0.0;
      for (int64_t k = 0; k < channels; ++k)
        sum += static_cast<double>(lateral_.data()[o * channels + k]) * static_cast<double>(tap_bias[k]);
      product.data()[o] = static_cast<float>(sum);
    }
    std::copy_n(product.data(), channels, tap_bias);
  }
  return {};
}

int64_t TransposedConvolution::bandRows(Size input) const {
  constexpr int64_t kValues = 1 << 20;  // of a band of rows: 4 MB, and products large enough for their weights
  return std::clamp<int64_t>(kValues / (4 * input.width * channels_), 1, input.height);
}

Result<FeatureMap> TransposedConvolution::run(const Execution& execution, const FeatureMap& input) const {
  const int64_t channels = channels_, width = input.size.width, height = input.size.height;
  const int64_t band = bandRows(input.size);
  BEIT_ASSIGN(FeatureMap output, FeatureMap::allocate(execution.workspace(), {2 * height, 2 * width}, channels, "a feature map"));
  BEIT_ASSIGN(FloatBuffer products, execution.workspace().floats(band * 4 * width * channels, "rows of a feature map"));
  for (int64_t first = 0; first < height; first += band) {
    const int64_t rows = std::min(band, height - first);
    BEIT_TRY(linear_.run(execution, rows * width, input.data() + first * width * channels, products.data()));
    execution.parallelFor(static_cast<size_t>(rows), [&](size_t, size_t row) {
      const int64_t y = 2 * (first + static_cast<int64_t>(row));
      for (int64_t x = 0; x < width; ++x) {
        const float* from = products.data() + (static_cast<int64_t>(row) * width + x) * 4 * channels;
        for (int64_t dy = 0; dy < 2; ++dy)  // (dx, channel) of one dy lie together in both
          copyRow(from + dy * 2 * channels, 2 * channels, has_lateral_, output.data() + ((y + dy) * 2 * width + 2 * x) * channels);
      }
    });
  }
  return output;
}

}  // namespace beit
