#include "src/transposed_convolution.h"

#include <algorithm>

namespace beit {

void TransposedConvolution::declare(ParameterList& parameters, const std::string& prefix, int64_t channels,
                                    const std::string& norm_prefix) {
  channels_ = channels;
  group_.add(parameters, prefix + ".bias", {channels}, bias_);
  if (!norm_prefix.empty()) batch_norm_.declare(parameters, group_, norm_prefix, channels);
  group_.addLarge(parameters, prefix + ".weight", {channels, channels, 2, 2},
                  [this](std::span<float> weight) { return make(weight); });
}

Status TransposedConvolution::make(std::span<const float> weight) {
  const int64_t channels = channels_;
  BEIT_ASSIGN(FloatBuffer rows, FloatBuffer::allocate(4 * channels * channels, "a transposed convolution"));
  BEIT_ASSIGN(FloatBuffer bias, FloatBuffer::allocate(4 * channels, "a transposed convolution's bias"));
  for (int64_t tap = 0; tap < 4; ++tap)
    for (int64_t o = 0; o < channels; ++o) {
      const float scale = batch_norm_.declared() ? batch_norm_.scale(o) : 1.0f;
      const float shift = batch_norm_.declared() ? batch_norm_.shift(o) : 0.0f;
      bias.data()[tap * channels + o] = bias_.data()[o] * scale + shift;
      for (int64_t i = 0; i < channels; ++i)
        rows.data()[(tap * channels + o) * channels + i] =
            scale * weight[static_cast<size_t>((i * channels + o) * 4 + tap)];
    }
  bias_ = {};
  batch_norm_ = {};
  return linear_.make(channels, 4 * channels, rows.data(), bias.data());
}

Result<FeatureMap> TransposedConvolution::run(const ThreadPool& pool, const FeatureMap& input) const {
  const int64_t channels = channels_, width = input.size.width;
  BEIT_ASSIGN(FeatureMap output, FeatureMap::allocate({2 * input.size.height, 2 * width}, channels, "a feature map"));
  BEIT_ASSIGN(FloatBuffer row, FloatBuffer::allocate(4 * width * channels, "a row of a feature map"));
  for (int64_t y = 0; y < input.size.height; ++y) {
    BEIT_TRY(linear_.run(pool, width, input.data() + y * width * channels, row.data()));
    for (int64_t x = 0; x < width; ++x)
      for (int64_t dy = 0; dy < 2; ++dy)  // (dx, channel) of one dy lie together in both
        std::copy_n(row.data() + (4 * x + 2 * dy) * channels, 2 * channels,
                    output.data() + ((2 * y + dy) * 2 * width + 2 * x) * channels);
  }
  return output;
}

}  // namespace beit
