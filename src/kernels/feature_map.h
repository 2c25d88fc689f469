// Feature maps between the encoder and the heads: (height, width, channels) of one image, channels
// fastest, which is how tokens lie in memory.
#pragma once

#include <cstdint>
#include <string_view>

#include "src/base/size.h"
#include "src/base/tensor.h"
#include "src/kernels/execution.h"

namespace beit {

struct FeatureMap {
  Size size;
  int64_t channels = 0;
  FloatBuffer values;

  static Result<FeatureMap> allocate(const Workspace& workspace, Size size, int64_t channels, std::string_view purpose);
  float* data() { return values.data(); }
  const float* data() const { return values.data(); }
  int64_t count() const { return size.area() * channels; }
};

// output (scale, scale, channels) = means over a grid of `scale` x `scale` windows that cover the
// input, overlapping where its size is no multiple. Reference: torch.nn.AdaptiveAvgPool2d.
void adaptiveAveragePool(const Execution& execution, const FeatureMap& input, FeatureMap& output);

// output (height / 2, width / 2, channels), rounded down, = maxima of 2 x 2. Reference: MaxPool2d(2, 2).
void maxPool2(const Execution& execution, const FeatureMap& input, FeatureMap& output);

// Returns the index of the largest of `count` values, the first of equals. Reference: torch.argmax.
inline int64_t argmax(const float* values, int64_t count) {
  int64_t best = 0;
  for (int64_t i = 1; i < count; ++i)
    if (values[i] > values[best]) best = i;
  return best;
}

// to (channels, height, width) = map.
void hwcToChw(const Execution& execution, const FeatureMap& map, float* to);

// The same of rows of a larger map: `plane` are the floats from one channel of it to the next.
void hwcToChw(const Execution& execution, const FeatureMap& rows, float* to, int64_t plane);

}  // namespace beit
