#include "src/kernels/gemm/f32_microkernel.h"

#include <algorithm>
#include <cassert>

#include "src/kernels/simd.h"

namespace beit {

namespace {

// sums (kRows, kPanels, 8) = start + input x panels. Rows past `rows` repeat the last one. A function of its own, as all that
// is called often: engines replace slow first code only between calls.
template <int64_t kRows, int64_t kPanels>
[[gnu::noinline]] void sumTile(int64_t rows, size_t depth, const float* input, int64_t stride, const float* panel, int64_t panel_stride,
                               const float* start, int64_t start_stride, float* sums) {
  constexpr bool kJoins = kPanels > 1;  // what that asks of pointers slows down one panel on engines that do not join
  const float *from[kRows], *panels[kPanels];
  F32x4 low[kRows * kPanels], high[kRows * kPanels];
  unrollRows<kPanels>([&](int64_t p) { panels[p] = panel + p * panel_stride; });
  unrollRows<kRows>([&](int64_t i) { from[i] = input + std::min(i, rows - 1) * stride; });
  unrollRows<kRows * kPanels>([&](int64_t j) {
    const float* at = start + std::min(j / kPanels, rows - 1) * start_stride + j % kPanels * kNr;
    if constexpr (kJoins) at = adjacentFrom(at);
    low[j] = load4(at);
    high[j] = load4(at + 4);
  });
  const auto step = [&](auto k) {
    F32x4 panel_low[kPanels], panel_high[kPanels];
    unrollRows<kPanels>([&](int64_t p) {
      const float* at = kJoins ? panels[p] : panels[p] + k * kNr;
      panel_low[p] = load4(at);
      panel_high[p] = load4(at + 4);
      if constexpr (kJoins) panels[p] = adjacentFrom(at + kNr);
    });
    F32x4 value{};
    unrollRows<kRows * kPanels>([&](int64_t j) {
      if (j % kPanels == 0) value = splat4(from[j / kPanels][k]);
      low[j] = multiplyAdd(value, panel_low[j % kPanels], low[j]);
      high[j] = multiplyAdd(value, panel_high[j % kPanels], high[j]);
    });
  };
  const auto advance = [&] {
    if constexpr (!kJoins) panels[0] += 4 * kNr;
    unrollRows<kRows>([&](int64_t i) { from[i] += 4; });
  };
  if (depth > 0) unrollSteps(depth, step, advance);
  unrollRows<kRows * kPanels>([&](int64_t j) {
    float* to = sums + j * kNr;
    if constexpr (kJoins) to = adjacentFrom(to);
    store4(to, low[j]);
    store4(to + 4, high[j]);
  });
}

// The same of kFlatMr rows and two panels. All that is multiplied with one vector of weights comes before the next one is loaded, and
// rows are read at addresses that are computed: JavaScriptCore takes one instruction less, and none of the vectors' units, to splat a
// float from where no constant is added to the address.
[[gnu::noinline]] void sumFlatTile(int64_t rows, size_t depth, const float* input, int64_t stride, const float* panel, int64_t panel_stride,
                                   const float* start, int64_t start_stride, float* sums) {
  constexpr int64_t kVectors = 2 * kNr / 4;  // of a row
  const float *from[kFlatMr], *panels[2] = {panel, panel + panel_stride};
  F32x4 sum[kFlatMr * kVectors];
  unrollRows<kFlatMr>([&](int64_t i) { from[i] = input + std::min(i, rows - 1) * stride; });
  unrollRows<kFlatMr * kVectors>(
      [&](int64_t j) { sum[j] = load4(start + std::min(j / kVectors, rows - 1) * start_stride + j % kVectors * 4); });
  const auto step = [&](auto k) {
    F32x4 values[kFlatMr];
    unrollRows<kFlatMr>([&](int64_t i) { values[i] = splat4(*adjacentFrom(from[i] + k)); });
    unrollRows<kVectors>([&](int64_t v) {
      const F32x4 weights = load4(panels[v / 2] + k * kNr + v % 2 * 4);
      unrollRows<kFlatMr>([&](int64_t i) { sum[i * kVectors + v] = multiplyAdd(values[i], weights, sum[i * kVectors + v]); });
    });
  };
  const auto advance = [&] {
    unrollRows<2>([&](int64_t p) { panels[p] += 4 * kNr; });
    unrollRows<kFlatMr>([&](int64_t i) { from[i] += 4; });
  };
  if (depth > 0) unrollSteps(depth, step, advance);
  unrollRows<kFlatMr * kVectors>([&](int64_t j) { store4(sums + j * 4, sum[j]); });
}

}  // namespace

void f32Microkernel(int64_t rows, int64_t columns, size_t depth, const float* input, int64_t stride, const float* panel,
                    int64_t panel_stride, const float* start, int64_t start_stride, float* output, int64_t output_stride,
                    GemmEpilogue epilogue) {
  assert(rows >= 1 && rows <= kTallMr && columns <= kMostPanels * kNr);
  // Loaded even where they are zeros: engines do not join what begins as a constant.
  alignas(16) static constexpr float kZeros[kMostPanels * kNr] = {};
  if (!start) start = kZeros, start_stride = 0;
  const bool wide = columns > kNr, flat = wide && rows <= kFlatMr;
  if (wide && !flat && rows <= kMr) {  // seldom: one panel after the other
    f32Microkernel(rows, kNr, depth, input, stride, panel, panel_stride, start, start_stride, output, output_stride, epilogue);
    f32Microkernel(rows, columns - kNr, depth, input, stride, panel + panel_stride, panel_stride, start + kNr, start_stride, output + kNr,
                   output_stride, epilogue);
    return;
  }
  alignas(16) float sums[kTallMr * kMostPanels * kNr];
  const auto sum = [&](auto tile) { tile(rows, depth, input, stride, panel, panel_stride, start, start_stride, sums); };
  if (flat) sum(sumFlatTile);
  else if (wide) sum(sumTile<kTallMr, 2>);
  else if (rows == kTallMr) sum(sumTile<kTallMr, 1>);
  else if (rows == 5) sum(sumTile<5, 1>);
  else sum(sumTile<4, 1>);
  const int64_t width = wide ? 2 * kNr : kNr;
  for (int64_t column = 0; column < columns; column += kNr)
    for (int64_t i = 0; i < rows; ++i) {
      const float* from = sums + i * width + column;
      storeRow(load4(from), load4(from + 4), std::min(kNr, columns - column), epilogue, output + i * output_stride + column);
    }
}

}  // namespace beit
