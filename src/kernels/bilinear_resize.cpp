#include "src/kernels/bilinear_resize.h"

#include <algorithm>

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
                         multiplyAdd(load4(below + left + i), c, multiplyAdd(load4(above + right + i), b, load4(above + left + i) * a)));
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

}  // namespace beit
