// Convolutions of feature maps with the normalisation and activation that follow them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "src/kernels/convolution/direct.h"
#include "src/kernels/execution.h"
#include "src/kernels/feature_map.h"
#include "src/parameters/parameter_group.h"
#include "src/parameters/parameters.h"

namespace beit {

// A BatchNorm2d at inference: x * scale + shift for each channel.
class BatchNorm {
 public:
  // Adds the four tensors of "PREFIX.{weight,bias,running_mean,running_var}", (channels) each.
  void declare(ParameterList& parameters, ParameterGroup& group, const std::string& prefix, int64_t channels);
  bool declared() const { return declared_; }
  // After all have arrived.
  float scale(int64_t channel) const;
  float shift(int64_t channel) const;

 private:
  bool declared_ = false;
  FloatBuffer weight_, bias_, running_mean_, running_var_;
};

// to (outputs, height, width, count) = inputs first..first + count - 1 of a kernel (outputs, inputs,
// height, width), each output times scale(output).
template <typename Scale>
void oihwToOhwi(const float* weight, int64_t outputs, int64_t inputs, int64_t first, int64_t count, int64_t kernel_size, const Scale& scale,
                float* to) {
  const int64_t taps = kernel_size * kernel_size;
  for (int64_t o = 0; o < outputs; ++o) {
    const float gain = scale(o);
    for (int64_t tap = 0; tap < taps; ++tap)
      for (int64_t i = first; i < first + count; ++i) *to++ = gain * weight[(o * inputs + i) * taps + tap];
  }
}

// Convolution without bias, BatchNorm and ReLU, as one operator (reference: BeitConvModule); or a
// plain convolution with bias (classifiers). The input may be a concatenation of maps by channel,
// which is never made: a convolution is linear, so each part has an operator of its own and the
// results are added.
class ConvModule {
 public:
  enum class Kind { kNormalizedRelu, kPlain };

  // Adds the parameters: "PREFIX.conv.weight" and "PREFIX.bn.*", or "PREFIX.weight" and
  // "PREFIX.bias". `parts` are the channels of each input. When all have arrived they are packed on the threads of
  // `execution`, which must stay until then.
  void declare(const Execution& execution, ParameterList& parameters, const std::string& prefix, std::vector<int64_t> parts,
               int64_t outputs, int64_t kernel_size, Kind kind);

  int64_t outputs() const { return outputs_; }

  // Adds part `part`'s share of the result to `output` (size, outputs); parts come in order, and the
  // first replaces what was there. After the last part the result is complete.
  Status run(const Execution& execution, size_t part, const FeatureMap& input, FeatureMap& output) const;

 private:
  Status make(const Execution& execution, std::span<const float> weight);

  std::vector<int64_t> parts_;
  int64_t outputs_ = 0, kernel_size_ = 0;
  Kind kind_ = Kind::kPlain;
  ParameterGroup group_;
  FloatBuffer bias_;
  BatchNorm batch_norm_;
  std::vector<DirectConvolution> operators_;
};

}  // namespace beit
