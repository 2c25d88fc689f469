// Sums over rows, as gradients of vectors are: of 32 rows in floats, of those in double precision, always in the same order.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "src/kernels/execution.h"
#include "src/kernels/simd.h"

namespace beit {

// Channels that a task sums up: a line of a cache.
inline constexpr int64_t kColumnBlock = 16;

// Adds to sums[n] (channels) what row(r, first, count, to) adds to `to` [n][i] for channel first + i of each of `rows` rows; count is 16,
// or less at the end. sums[n] may be null: then nothing is added there.
template <size_t kSums, typename Row>
void addColumnSums(const Execution& execution, int64_t rows, int64_t channels, const std::array<float*, kSums>& sums, const Row& row) {
  execution.parallelFor(static_cast<size_t>((channels + kColumnBlock - 1) / kColumnBlock), [&](size_t, size_t task) {
    constexpr int64_t kRows = 32;
    const int64_t first = static_cast<int64_t>(task) * kColumnBlock, count = std::min(kColumnBlock, channels - first);
    double totals[kSums][kColumnBlock] = {};
    for (int64_t begin = 0; begin < rows; begin += kRows) {
      float partial[kSums][kColumnBlock] = {};
      for (int64_t r = begin; r < std::min(rows, begin + kRows); ++r) row(r, first, count, partial);
      for (size_t n = 0; n < kSums; ++n)
        for (int64_t i = 0; i < count; ++i) totals[n][i] += static_cast<double>(partial[n][i]);
    }
    for (size_t n = 0; n < kSums; ++n)
      for (int64_t i = 0; sums[n] && i < count; ++i) sums[n][first + i] += static_cast<float>(totals[n][i]);
  });
}

// sums (channels) += the rows of `values`, (rows, channels); nothing where sums is null.
inline void addRows(const Execution& execution, int64_t rows, int64_t channels, const float* values, float* sums) {
  if (!sums) return;
  const WorkTimer timer(execution.profile(), Work::kNorm);
  addColumnSums<1>(execution, rows, channels, {sums}, [&](int64_t r, int64_t first, int64_t count, float(*to)[kColumnBlock]) {
    const float* from = values + r * channels + first;
    for (int64_t i = 0; i < count; ++i) to[0][i] += from[i];
  });
}

}  // namespace beit
