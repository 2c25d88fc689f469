#include "src/kernels/feature_map.h"

#include <algorithm>
#include <vector>

#include "src/kernels/simd.h"

namespace beit {

BilinearPair bilinearPair(int64_t size, int64_t new_size, int64_t at) {
  const double scale = static_cast<double>(size) / static_cast<double>(new_size);
  const double position = std::max(0.0, (static_cast<double>(at) + 0.5) * scale - 0.5);
  const auto first = std::min(static_cast<int64_t>(position), size - 1);
  return {first, std::min(first + 1, size - 1), static_cast<float>(position - static_cast<double>(first))};
}

std::vector<BilinearPair> bilinearPairs(int64_t size, int64_t new_size) {
  std::vector<BilinearPair> pairs(static_cast<size_t>(new_size));
  for (int64_t at = 0; at < new_size; ++at) pairs[static_cast<size_t>(at)] = bilinearPair(size, new_size, at);
  return pairs;
}

BilinearRow::BilinearRow(Size input, Size output, int64_t channels)
    : channels_(channels),
      input_row_(input.width * channels),
      rows_(bilinearPairs(input.height, output.height)),
      columns_(bilinearPairs(input.width, output.width)) {}

template <bool kAdd>
void BilinearRow::mix(const float* input, int64_t y, float* to) const {
  const BilinearPair& row = rows_[static_cast<size_t>(y)];
  const float *above = input + row.first * input_row_, *below = input + row.second * input_row_;
  for (const BilinearPair& column : columns_) {
    const int64_t left = column.first * channels_, right = column.second * channels_;
    const F32x4 a = splat4((1.0f - row.share) * (1.0f - column.share)), b = splat4((1.0f - row.share) * column.share);
    const F32x4 c = splat4(row.share * (1.0f - column.share)), d = splat4(row.share * column.share);
    const auto at = [&](int64_t i) {
      return multiplyAdd(load4(below + right + i), d,
                         multiplyAdd(load4(below + left + i), c,
                                     multiplyAdd(load4(above + right + i), b, load4(above + left + i) * a)));
    };
    int64_t i = 0;
    for (; i + 4 <= channels_; i += 4) store4(to + i, kAdd ? load4(to + i) + at(i) : at(i));
    if (i < channels_) {
      const F32x4 rest = at(i);
      for (int64_t k = 0; i < channels_; ++i, ++k) to[i] = kAdd ? to[i] + rest[k] : rest[k];
    }
    to += channels_;
  }
}

void BilinearRow::run(const float* input, int64_t y, float* to) const { mix<false>(input, y, to); }
void BilinearRow::add(const float* input, int64_t y, float* to) const { mix<true>(input, y, to); }

Result<FeatureMap> FeatureMap::allocate(const Workspace& workspace, Size size, int64_t channels, std::string_view purpose) {
  FeatureMap map{size, channels, {}};
  BEIT_ASSIGN(map.values, workspace.floats(map.count(), purpose));
  return map;
}

void resizeBilinear(const Execution& execution, const FeatureMap& input, FeatureMap& output, Store store) {
  assert(input.channels == output.channels);
  const WorkTimer timer(execution.profile(), Work::kResize);
  const BilinearRow resize(input.size, output.size, input.channels);
  execution.parallelFor(static_cast<size_t>(output.size.height), [&](size_t, size_t row) {
    const auto y = static_cast<int64_t>(row);
    float* to = output.data() + y * output.size.width * output.channels;
    if (store == Store::kAdd) resize.add(input.data(), y, to);
    else resize.run(input.data(), y, to);
  });
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

void maxPool2(const Execution& execution, const FeatureMap& input, FeatureMap& output) {
  const int64_t channels = input.channels, row = input.size.width * channels;
  execution.parallelFor(static_cast<size_t>(output.size.height), [&](size_t, size_t line) {
    const auto y = static_cast<int64_t>(line);
    float* to = output.data() + y * output.size.width * channels;
    for (int64_t x = 0; x < output.size.width; ++x) {
      const float* from = input.data() + 2 * y * row + 2 * x * channels;
      for (int64_t c = 0; c < channels; ++c, ++from)
        *to++ = std::max(std::max(from[0], from[channels]), std::max(from[row], from[row + channels]));
    }
  });
}

void hwcToChw(const Execution& execution, const FeatureMap& map, float* to) {
  const int64_t area = map.size.area(), channels = map.channels;
  execution.parallelFor(static_cast<size_t>(channels), [&](size_t, size_t c) {
    const float* from = map.data() + c;
    float* plane = to + static_cast<int64_t>(c) * area;
    for (int64_t i = 0; i < area; ++i) plane[i] = from[i * channels];
  });
}

}  // namespace beit
