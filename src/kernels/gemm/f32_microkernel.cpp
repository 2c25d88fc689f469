#include "src/kernels/gemm/f32_microkernel.h"

#include <algorithm>
#include <cassert>

#include "src/kernels/simd.h"

namespace beit {

namespace {

// sums (kRows, 8) = start + input x panel. Rows past `rows` repeat the last one. A function of its own, as all that
// is called often: engines replace slow first code only between calls.
template <int64_t kRows>
[[gnu::noinline]] void sumTile(int64_t rows, size_t depth, const float* input, int64_t stride, const float* panel, const float* start,
                               int64_t start_stride, F32x4* sums) {
  const float* from[kRows];
  F32x4 low[kRows], high[kRows];
  unrollRows<kRows>([&](int64_t i) {
    from[i] = input + std::min(i, rows - 1) * stride;
    low[i] = start ? load4(start + i * start_stride) : splat4(0.0f);
    high[i] = start ? load4(start + i * start_stride + 4) : splat4(0.0f);
  });
  const auto step = [&](auto k) {
    const F32x4 panel_low = load4(panel + k * kNr), panel_high = load4(panel + k * kNr + 4);
    unrollRows<kRows>([&](int64_t i) {
      const F32x4 value = splat4(from[i][k]);
      low[i] = multiplyAdd(value, panel_low, low[i]);
      high[i] = multiplyAdd(value, panel_high, high[i]);
    });
  };
  const auto advance = [&] {
    panel += 4 * kNr;
    unrollRows<kRows>([&](int64_t i) { from[i] += 4; });
  };
  if (depth > 0) unrollSteps(depth, step, advance);
  unrollRows<kRows>([&](int64_t i) {
    sums[2 * i] = low[i];
    sums[2 * i + 1] = high[i];
  });
}

}  // namespace

void f32Microkernel(int64_t rows, int64_t columns, size_t depth, const float* input, int64_t stride, const float* panel, const float* start,
                    int64_t start_stride, float* output, int64_t output_stride, GemmEpilogue epilogue) {
  assert(rows >= 1 && rows <= kTallMr);
  F32x4 sums[2 * kTallMr];
  switch (rows) {
    case 6:
      if constexpr (kTallMr == 6) sumTile<6>(rows, depth, input, stride, panel, start, start_stride, sums);
      break;
    case 5: sumTile<5>(rows, depth, input, stride, panel, start, start_stride, sums); break;
    default: sumTile<4>(rows, depth, input, stride, panel, start, start_stride, sums);
  }
  for (int64_t i = 0; i < rows; ++i, output += output_stride) storeRow(sums[2 * i], sums[2 * i + 1], columns, epilogue, output);
}

}  // namespace beit
