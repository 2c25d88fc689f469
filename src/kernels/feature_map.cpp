#include "src/kernels/feature_map.h"

#include <algorithm>

namespace beit {

Result<FeatureMap> FeatureMap::allocate(const Workspace& workspace, Size size, int64_t channels, std::string_view purpose) {
  FeatureMap map{size, channels, {}};
  BEIT_ASSIGN(map.values, workspace.floats(map.count(), purpose));
  return map;
}

void adaptiveAveragePool(const Execution& execution, const FeatureMap& input, FeatureMap& output) {
  const int64_t channels = input.channels;
  execution.parallelFor(static_cast<size_t>(output.size.height), [&](size_t, size_t row) {
    const auto oy = static_cast<int64_t>(row);
    float* to = output.data() + oy * output.size.width * channels;
    const int64_t top = oy * input.size.height / output.size.height;
    const int64_t bottom = ((oy + 1) * input.size.height + output.size.height - 1) / output.size.height;
    for (int64_t ox = 0; ox < output.size.width; ++ox, to += channels) {
      const int64_t left = ox * input.size.width / output.size.width;
      const int64_t right = ((ox + 1) * input.size.width + output.size.width - 1) / output.size.width;
      std::fill_n(to, channels, 0.0f);
      for (int64_t y = top; y < bottom; ++y)
        for (int64_t x = left; x < right; ++x)
          for (int64_t c = 0; c < channels; ++c) to[c] += input.data()[(y * input.size.width + x) * channels + c];
      const auto count = static_cast<float>((bottom - top) * (right - left));
      for (int64_t c = 0; c < channels; ++c) to[c] /= count;
    }
  });
}

// A NaN is larger than all numbers.
static float larger(float a, float b) { return b > a || b != b ? b : a; }

void maxPool2(const Execution& execution, const FeatureMap& input, FeatureMap& output) {
  const int64_t channels = input.channels, row = input.size.width * channels;
  execution.parallelFor(static_cast<size_t>(output.size.height), [&](size_t, size_t line) {
    const auto y = static_cast<int64_t>(line);
    float* to = output.data() + y * output.size.width * channels;
    for (int64_t x = 0; x < output.size.width; ++x) {
      const float* from = input.data() + 2 * y * row + 2 * x * channels;
      for (int64_t c = 0; c < channels; ++c, ++from)
        *to++ = larger(larger(from[0], from[channels]), larger(from[row], from[row + channels]));
    }
  });
}

void hwcToChw(const Execution& execution, const FeatureMap& map, float* to) { hwcToChw(execution, map, to, map.size.area()); }

void hwcToChw(const Execution& execution, const FeatureMap& rows, float* to, int64_t plane) {
  const int64_t area = rows.size.area(), channels = rows.channels;
  execution.parallelFor(static_cast<size_t>(channels), [&](size_t, size_t c) {
    const float* from = rows.data() + c;
    float* channel = to + static_cast<int64_t>(c) * plane;
    for (int64_t i = 0; i < area; ++i) channel[i] = from[i * channels];
  });
}

}  // namespace beit
