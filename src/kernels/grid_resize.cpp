#include "src/kernels/grid_resize.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "src/base/vector_size.h"

namespace beit {

namespace {

// The samples that one output position mixes: four of them (bilinear uses two).
struct FilterTaps {
  std::array<int64_t, 4> index{};
  std::array<double, 4> weight{};
};

std::vector<FilterTaps> computeTaps(int64_t size, int64_t new_size, Interpolation mode) {
  std::vector<FilterTaps> taps(vectorSize(new_size));
  const double scale = static_cast<double>(size) / static_cast<double>(new_size);
  const auto clamp = [&](int64_t i) { return std::clamp<int64_t>(i, 0, size - 1); };
  for (int64_t o = 0; o < new_size; ++o) {
    FilterTaps& t = taps[static_cast<size_t>(o)];
    double position = (static_cast<double>(o) + 0.5) * scale - 0.5;
    if (mode == Interpolation::kBilinear) {
      position = std::max(position, 0.0);  // torch clamps here for linear, not for cubic
      const auto first = static_cast<int64_t>(position);
      const double f = position - static_cast<double>(first);
      t.index = {clamp(first), clamp(first + 1), 0, 0};
      t.weight = {1.0 - f, f, 0.0, 0.0};
      continue;
    }
    constexpr double a = -0.75;  // torch's cubic convolution coefficient
    const double floor = std::floor(position);
    const double f = position - floor;
    const auto near = [&](double x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
    const auto far = [&](double x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
    const auto first = static_cast<int64_t>(floor) - 1;
    for (int64_t k = 0; k < 4; ++k) t.index[static_cast<size_t>(k)] = clamp(first + k);
    t.weight = {far(1 + f), near(f), near(1 - f), far(2 - f)};
  }
  return taps;
}

}  // namespace

std::vector<float> interpolateGrid(const float* input, int64_t height, int64_t width, int64_t channels, int64_t new_height,
                                   int64_t new_width, Interpolation mode) {
  const std::vector<FilterTaps> rows = computeTaps(height, new_height, mode);
  const std::vector<FilterTaps> columns = computeTaps(width, new_width, mode);
  std::vector<float> output(vectorSize(new_height * new_width * channels));
  float* to = output.data();
  for (const FilterTaps& row : rows) {
    for (const FilterTaps& column : columns) {
      for (int64_t c = 0; c < channels; ++c) {
        double value = 0.0;
        for (size_t i = 0; i < 4; ++i) {
          if (row.weight[i] == 0.0) continue;
          for (size_t j = 0; j < 4; ++j)
            value += row.weight[i] * column.weight[j] * static_cast<double>(input[(row.index[i] * width + column.index[j]) * channels + c]);
        }
        *to++ = static_cast<float>(value);
      }
    }
  }
  return output;
}

std::vector<double> interpolateGridBackward(const double* gradient, int64_t height, int64_t width, int64_t channels, int64_t new_height,
                                            int64_t new_width, Interpolation mode) {
  const std::vector<FilterTaps> rows = computeTaps(height, new_height, mode);
  const std::vector<FilterTaps> columns = computeTaps(width, new_width, mode);
  std::vector<double> input(vectorSize(height * width * channels));
  for (const FilterTaps& row : rows) {
    for (const FilterTaps& column : columns) {
      for (size_t i = 0; i < 4; ++i)
        for (size_t j = 0; j < 4; ++j) {
          const double weight = row.weight[i] * column.weight[j];
          if (weight == 0.0) continue;
          double* to = input.data() + (row.index[i] * width + column.index[j]) * channels;
          for (int64_t c = 0; c < channels; ++c) to[c] += weight * gradient[c];
        }
      gradient += channels;
    }
  }
  return input;
}

}  // namespace beit
