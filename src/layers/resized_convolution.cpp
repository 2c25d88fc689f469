#include "src/layers/resized_convolution.h"

#include <algorithm>
#include <vector>

#include "src/kernels/bilinear_resize.h"
#include "src/kernels/simd.h"

namespace beit {

namespace {

constexpr int64_t kSide = 3, kTaps = kSide * kSide;

// to (channels) += first * (1 - share) + second * share.
void addMixed(int64_t channels, const float* first, const float* second, float share, float* to) {
  const F32x4 of_first = splat4(1.0f - share), of_second = splat4(share);
  int64_t c = 0;
  for (; c + 4 <= channels; c += 4)
    store4(to + c, multiplyAdd(load4(second + c), of_second, multiplyAdd(load4(first + c), of_first, load4(to + c))));
  for (; c < channels; ++c) to[c] += first[c] * (1.0f - share) + second[c] * share;
}

}  // namespace

ResizedConvolution::ResizedConvolution(WeightType type, int64_t inputs, int64_t outputs)
    : outputs_(outputs), taps_(type, inputs, kTaps * outputs) {}

Status ResizedConvolution::make(const Execution& execution, const float* kernel, int64_t total_inputs, int64_t first, const float* scale) {
  const int64_t inputs = taps_.inputs(), outputs = outputs_;
  BEIT_ASSIGN(FloatBuffer rows, FloatBuffer::allocate(kTaps * outputs * inputs, "a kernel's taps"));
  execution.parallelFor(static_cast<size_t>(outputs), [&](size_t, size_t output) {
    const auto o = static_cast<int64_t>(output);
    for (int64_t i = 0; i < inputs; ++i) {
      const float* from = kernel + (o * total_inputs + first + i) * kTaps;
      for (int64_t tap = 0; tap < kTaps; ++tap) rows.data()[(tap * outputs + o) * inputs + i] = scale[o] * from[tap];
    }
  });
  return taps_.make(execution, rows.data(), /*bias=*/nullptr);
}

// Makes kept.values hold rows first..last - 1: each row's products, widened and added up along the row. Those that
// are there already are kept.
Status ResizedConvolution::widen(const Execution& execution, const FeatureMap& input, int64_t width, Rows& kept, int64_t first,
                                 int64_t last) const {
  const int64_t wide_row = kSide * width * outputs_, narrow = input.size.width;
  Rows rows{first, last, {}};
  BEIT_ASSIGN(rows.values, execution.workspace().floats((last - first) * wide_row, "widened rows"));
  const int64_t fresh = std::clamp(kept.last, first, last);  // bands come in order: what is there is in front
  if (fresh > first)
    execution.compute(
        [&] { std::copy_n(kept.values.data() + (first - kept.first) * wide_row, (fresh - first) * wide_row, rows.values.data()); });
  kept = {};

  const int64_t count = last - fresh, product_row = kTaps * outputs_;
  BEIT_ASSIGN(FloatBuffer products, execution.workspace().floats(count * narrow * product_row, "products of taps"));
  BEIT_TRY(taps_.run(execution, count * narrow, input.data() + fresh * narrow * input.channels, products.data()));
  const WorkTimer timer(execution.profile(), Work::kResize);
  std::vector<BilinearPair> columns;
  execution.compute([&] { columns = bilinearPairs(narrow, width); });
  execution.parallelFor(static_cast<size_t>(count * kSide), [&](size_t, size_t i) {
    const int64_t row = static_cast<int64_t>(i) / kSide, dy = static_cast<int64_t>(i) % kSide;
    const float* from = products.data() + row * narrow * product_row + dy * kSide * outputs_;
    float* to = rows.values.data() + (fresh - first + row) * wide_row + dy * width * outputs_;
    std::fill_n(to, width * outputs_, 0.0f);
    for (int64_t x = 0; x < width; ++x)
      for (int64_t dx = 0; dx < kSide; ++dx) {
        const int64_t at = x + dx - 1;
        if (at < 0 || at >= width) continue;  // the zeros beside the larger map
        const BilinearPair& pair = columns[static_cast<size_t>(at)];
        addMixed(outputs_, from + pair.first * product_row + dx * outputs_, from + pair.second * product_row + dx * outputs_, pair.share,
                 to + x * outputs_);
      }
  });
  kept = std::move(rows);
  return {};
}

Status ResizedConvolution::add(const Execution& execution, const FeatureMap& input, Size larger, int64_t first_row, int64_t rows,
                               Rows& kept, float* sum) const {
  const auto pairOf = [&](int64_t y) {
    return bilinearPair(input.size.height, larger.height, std::clamp<int64_t>(y, 0, larger.height - 1));
  };
  BEIT_TRY(widen(execution, input, larger.width, kept, pairOf(first_row - 1).first, pairOf(first_row + rows).second + 1));
  const WorkTimer timer(execution.profile(), Work::kResize);
  const int64_t row = larger.width * outputs_;
  execution.parallelFor(static_cast<size_t>(rows), [&](size_t, size_t i) {
    for (int64_t dy = 0; dy < kSide; ++dy) {
      const int64_t y = first_row + static_cast<int64_t>(i) + dy - 1;
      if (y < 0 || y >= larger.height) continue;  // the zeros above and below
      const BilinearPair pair = pairOf(y);
      const auto wide = [&](int64_t r) { return kept.values.data() + ((r - kept.first) * kSide + dy) * row; };
      addMixed(row, wide(pair.first), wide(pair.second), pair.share, sum + static_cast<int64_t>(i) * row);
    }
  });
  return {};
}

}  // namespace beit
