// A 3 x 3 convolution with zeros around, in double precision, of maps (height, width, channels).
#pragma once

#include <vector>

#include "src/kernels/feature_map.h"
#include "tests/support/random.h"

namespace beit::test {

inline FeatureMap randomMap(Size size, int64_t channels, Random& random) {
  auto map = FeatureMap::allocate(Workspace(), size, channels, "a test's map");
  const auto values = random.floats(static_cast<size_t>(map->count()), -1.0f, 1.0f);
  std::copy(values.begin(), values.end(), map->data());
  return std::move(map).value();
}

// Adds to sum (size, outputs) the convolution of `map` with inputs first.. of kernel (outputs, total, 3, 3), each output
// times scale[output].
inline void addConvolution(const std::vector<double>& map, Size size, int64_t channels, const std::vector<float>& kernel, int64_t total,
                           int64_t first, const std::vector<float>& scale, std::vector<double>& sum) {
  const auto outputs = static_cast<int64_t>(scale.size());
  for (int64_t y = 0; y < size.height; ++y)
    for (int64_t x = 0; x < size.width; ++x)
      for (int64_t o = 0; o < outputs; ++o) {
        double value = 0.0;
        for (int64_t dy = -1; dy <= 1; ++dy)
          for (int64_t dx = -1; dx <= 1; ++dx) {
            if (y + dy < 0 || y + dy >= size.height || x + dx < 0 || x + dx >= size.width) continue;
            for (int64_t c = 0; c < channels; ++c)
              value += map[static_cast<size_t>(((y + dy) * size.width + x + dx) * channels + c)] *
                       static_cast<double>(kernel[static_cast<size_t>(((o * total + first + c) * 3 + dy + 1) * 3 + dx + 1)]);
          }
        sum[static_cast<size_t>((y * size.width + x) * outputs + o)] += value * static_cast<double>(scale[static_cast<size_t>(o)]);
      }
}

inline std::vector<double> toDoubles(const FeatureMap& map) { return {map.data(), map.data() + map.count()}; }

// The map resized (bilinear, align_corners=False), straight from the definition.
inline std::vector<double> resized(const FeatureMap& map, Size size) {
  std::vector<double> result(static_cast<size_t>(size.area() * map.channels));
  const auto sample = [&](int64_t y, int64_t x, int64_t c) {
    const int64_t row = std::clamp<int64_t>(y, 0, map.size.height - 1), column = std::clamp<int64_t>(x, 0, map.size.width - 1);
    return static_cast<double>(map.data()[(row * map.size.width + column) * map.channels + c]);
  };
  for (int64_t y = 0; y < size.height; ++y)
    for (int64_t x = 0; x < size.width; ++x) {
      const auto position = [](int64_t at, int64_t from, int64_t to) {
        return std::max(0.0, (static_cast<double>(at) + 0.5) * static_cast<double>(from) / static_cast<double>(to) - 0.5);
      };
      const double at_y = position(y, map.size.height, size.height), at_x = position(x, map.size.width, size.width);
      const auto top = static_cast<int64_t>(at_y), left = static_cast<int64_t>(at_x);
      const double v = at_y - static_cast<double>(top), u = at_x - static_cast<double>(left);
      for (int64_t c = 0; c < map.channels; ++c)
        result[static_cast<size_t>((y * size.width + x) * map.channels + c)] =
            (1 - v) * ((1 - u) * sample(top, left, c) + u * sample(top, left + 1, c)) +
            v * ((1 - u) * sample(top + 1, left, c) + u * sample(top + 1, left + 1, c));
    }
  return result;
}

inline double largestDifference(const std::vector<float>& got, const std::vector<double>& want) {
  double worst = got.size() == want.size() ? 0.0 : 1e300;
  for (size_t i = 0; i < std::min(got.size(), want.size()); ++i) {
    const double difference = std::fabs(static_cast<double>(got[i]) - want[i]);
    worst = difference <= worst ? worst : difference;  // a NaN counts
  }
  return worst;
}

}  // namespace beit::test
