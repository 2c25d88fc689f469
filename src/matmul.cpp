#include "src/matmul.h"

#include <algorithm>
#include <cstddef>

#include "src/gemm_tiles.h"
#include "src/simd.h"

namespace beit {

namespace {

constexpr int64_t kRows = kTileRows, kColumns = kTileColumns;

// One tile of kRows x kColumns. Rows past `rows` repeat the last one and are not stored.
// A function of its own: engines replace slow first code only between calls.
[[gnu::noinline]] void multiplyTile(int64_t rows, int64_t columns, size_t depth, const float* left,
                                    int64_t left_stride, const float* right, size_t right_stride, float* output,
                                    int64_t output_stride) {
  const float* from[kRows];
  F32x4 low[kRows], high[kRows];
  for (int64_t i = 0; i < kRows; ++i) {
    from[i] = left + std::min(i, rows - 1) * left_stride;
    low[i] = high[i] = splat4(0.0f);
  }
  for (size_t k = 0; k < depth; ++k) {
    const F32x4 right_low = load4(right), right_high = load4(right + 4);
    right += right_stride;
    for (int64_t i = 0; i < kRows; ++i) {
      const F32x4 value = splat4(from[i][k]);
      low[i] = multiplyAdd(value, right_low, low[i]);
      high[i] = multiplyAdd(value, right_high, high[i]);
    }
  }
  for (int64_t i = 0; i < rows; ++i, output += output_stride) {
    if (columns == kColumns) {
      store4(output, low[i]);
      store4(output + 4, high[i]);
      continue;
    }
    float row[kColumns];
    store4(row, low[i]);
    store4(row + 4, high[i]);
    std::copy_n(row, columns, output);
  }
}

}  // namespace

void multiply(int64_t rows, int64_t columns, int64_t depth, const float* left, int64_t left_stride,
              const float* right, int64_t right_stride, float* output, int64_t output_stride) {
  for (int64_t r = 0; r < rows; r += kRows)
    for (int64_t c = 0; c < columns; c += kColumns)
      multiplyTile(std::min(kRows, rows - r), std::min(kColumns, columns - c), static_cast<size_t>(depth),
                   left + r * left_stride, left_stride, right + c, static_cast<size_t>(right_stride),
                   output + r * output_stride + c, output_stride);
}

}  // namespace beit
