// Tiles of a product of floats, and of one of pairs of 16-bit integers (src/kernels/gemm/w8a16.h), of all shapes that may be worth a try:
// rows by panels of eight columns. tools/bench/tiles.mjs compiles and times them.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "src/kernels/simd.h"

namespace {

using beit::dotPairs;
using beit::F32x4;
using beit::I16x8;
using beit::I32x4;
using beit::load4;
using beit::load8;
using beit::loadIntegers4;
using beit::multiplyAdd;
using beit::splat4;
using beit::splatPair;
using beit::store4;

constexpr int kWidth = 8, kMostRows = 197, kMost = 3072;
float input[kMostRows * kMost], weights[kMost * 768], output[kMostRows * kMost], starts[kMost];
int16_t integers[(kMostRows + 8) * kMost], integer_weights[kMost * 768];  // the rows of a tile interleaved, whatever its height

template <int kCount, typename Body>
[[gnu::always_inline]] inline void unroll(const Body& body) {
  [&]<int... k>(std::integer_sequence<int, k...>) __attribute__((always_inline)) { (body(std::integral_constant<int, k>{}), ...); }
  (std::make_integer_sequence<int, kCount>());
}

// Nothing is known of the pointer, so that all accesses by it have their constant offset in the instruction, and the accesses
// stay where they are.
template <typename T>
[[gnu::always_inline]] inline void forget(T*& pointer) {
  __asm__ volatile("" : "+r"(pointer)::"memory");
}

// sums (kRows, kPanels, 8); steps in fours with ways out, as unrollSteps() has them.
template <int kRows, int kPanels, bool kJoins>
[[gnu::noinline]] void tile(int rows, size_t depth, const float* x, size_t stride, const float* panel, const float* start, float* sums) {
  const float *from[kRows], *at[kPanels];
  F32x4 low[kRows][kPanels], high[kRows][kPanels];
  unroll<kPanels>([&](auto p) __attribute__((always_inline)) { at[p] = panel + p * depth * kWidth; });
  unroll<kRows>([&](auto i) __attribute__((always_inline)) {
    from[i] = x + static_cast<size_t>(std::min<int>(i, rows - 1)) * stride;
    unroll<kPanels>([&](auto p) __attribute__((always_inline)) {
      low[i][p] = load4(start + p * kWidth);
      high[i][p] = load4(start + p * kWidth + 4);
    });
  });
  const auto step = [&](auto k) __attribute__((always_inline)) {
    F32x4 left[kPanels], right[kPanels];
    constexpr int kOffset = kJoins ? 0 : k * kWidth;
    unroll<kPanels>([&](auto p) __attribute__((always_inline)) {
      left[p] = load4(at[p] + kOffset);
      right[p] = load4(at[p] + kOffset + 4);
      if constexpr (kJoins) {
        at[p] += kWidth;
        forget(at[p]);
      }
    });
    unroll<kRows>([&](auto i) __attribute__((always_inline)) {
      const F32x4 value = splat4(from[i][k]);
      unroll<kPanels>([&](auto p) __attribute__((always_inline)) {
        low[i][p] = multiplyAdd(value, left[p], low[i][p]);
        high[i][p] = multiplyAdd(value, right[p], high[i][p]);
      });
    });
  };
  for (size_t count = depth;; count -= 4) {
    step(std::integral_constant<int, 0>{});
    if (count == 1) break;
    step(std::integral_constant<int, 1>{});
    if (count == 2) break;
    step(std::integral_constant<int, 2>{});
    if (count == 3) break;
    step(std::integral_constant<int, 3>{});
    if (count == 4) break;
    unroll<kRows>([&](auto i) __attribute__((always_inline)) { from[i] += 4; });
    if constexpr (!kJoins) unroll<kPanels>([&](auto p) __attribute__((always_inline)) { at[p] += 4 * kWidth; });
  }
  unroll<kRows>([&](auto i) __attribute__((always_inline)) {
    unroll<kPanels>([&](auto p) __attribute__((always_inline)) {
      float* to = sums + (i * kPanels + p) * kWidth;
      if constexpr (kJoins) forget(to);
      store4(to, low[i][p]);
      store4(to + 4, high[i][p]);
    });
  });
}

template <int kRows, int kPanels, bool kJoins>
void multiply(int rows, int inputs, int outputs) {
  constexpr int kColumns = kWidth * kPanels;
  float sums[kRows * kColumns];
  for (int column = 0; column < outputs; column += kColumns)
    for (int row = 0, tiles = (rows + kRows - 1) / kRows, count; tiles > 0; --tiles, row += count) {
      count = (rows - row + tiles - 1) / tiles;
      tile<kRows, kPanels, kJoins>(count, static_cast<size_t>(inputs), input + row * inputs, static_cast<size_t>(inputs),
                                   weights + column * inputs, starts + column, sums);
      for (int i = 0; i < count; ++i) std::copy_n(sums + i * kColumns, kColumns, output + (row + i) * outputs + column);
    }
}

// sums (kRows, kPanels, 8) += a tile of pairs of integers. x (depth / 2, kRows, 2), panels (depth / 2, 8, 2).
template <int kRows, int kPanels>
[[gnu::noinline]] void integerTile(size_t depth, const int16_t* x, const int16_t* panel, int32_t* sums) {
  const int16_t* at[kPanels];
  I32x4 low[kRows][kPanels], high[kRows][kPanels];
  unroll<kPanels>([&](auto p) __attribute__((always_inline)) { at[p] = panel + p * depth * kWidth; });
  unroll<kRows>([&](auto i) __attribute__((always_inline)) {
    unroll<kPanels>([&](auto p) __attribute__((always_inline)) {
      const int32_t* from = sums + (i * kPanels + p) * kWidth;
      forget(from);
      low[i][p] = loadIntegers4(from);
      high[i][p] = loadIntegers4(from + 4);
    });
  });
  const auto step = [&](auto k) __attribute__((always_inline)) {
    I16x8 left[kPanels], right[kPanels];
    unroll<kPanels>([&](auto p) __attribute__((always_inline)) {
      left[p] = load8(at[p] + k * 2 * kWidth);
      right[p] = load8(at[p] + k * 2 * kWidth + 8);
    });
    unroll<kRows>([&](auto i) __attribute__((always_inline)) {
      const I16x8 value = splatPair(x + (k * kRows + i) * 2);
      unroll<kPanels>([&](auto p) __attribute__((always_inline)) {
        low[i][p] += dotPairs(value, left[p]);
        high[i][p] += dotPairs(value, right[p]);
      });
    });
  };
  for (size_t count = depth / 2;; count -= 4) {
    step(std::integral_constant<int, 0>{});
    if (count == 1) break;
    step(std::integral_constant<int, 1>{});
    if (count == 2) break;
    step(std::integral_constant<int, 2>{});
    if (count == 3) break;
    step(std::integral_constant<int, 3>{});
    if (count == 4) break;
    x += 4 * kRows * 2;
    unroll<kPanels>([&](auto p) __attribute__((always_inline)) { at[p] += 4 * 2 * kWidth; });
  }
  unroll<kRows>([&](auto i) __attribute__((always_inline)) {
    unroll<kPanels>([&](auto p) __attribute__((always_inline)) {
      int32_t* to = sums + (i * kPanels + p) * kWidth;
      forget(to);
      std::memcpy(to, &low[i][p], sizeof low[i][p]);
      std::memcpy(to + 4, &high[i][p], sizeof high[i][p]);
    });
  });
}

template <int kRows, int kPanels>
void multiplyIntegers(int rows, int inputs, int outputs) {
  constexpr int kColumns = kWidth * kPanels;
  for (int column = 0; column < outputs; column += kColumns)
    for (int row = 0; row < rows; row += kRows) {
      int32_t sums[kRows * kColumns] = {};
      integerTile<kRows, kPanels>(static_cast<size_t>(inputs), integers + row * inputs, integer_weights + column * inputs, sums);
      for (int i = 0; i < std::min(kRows, rows - row); ++i)
        std::transform(sums + i * kColumns, sums + (i + 1) * kColumns, output + (row + i) * outputs + column,
                       [](int32_t sum) { return static_cast<float>(sum); });
    }
}

}  // namespace

extern "C" {

[[gnu::used, gnu::visibility("default")]] void fill() {
  uint32_t state = 1;
  const auto draw = [&](float& value) { value = static_cast<float>((state = state * 1664525u + 1013904223u) >> 8) * 0x1p-23f - 1.0f; };
  for (float& value : input) draw(value);
  for (float& value : weights) draw(value);
  for (float& value : starts) draw(value);
  for (int16_t& value : integers) value = 3;  // wherever a tile's rows lie, the sums are the same
  for (int16_t& value : integer_weights) value = static_cast<int16_t>((state = state * 1664525u + 1013904223u) >> 25) - 64;
}

[[gnu::used, gnu::visibility("default")]] float* result() { return output; }

#define TILE(rows, panels)                                                                                                           \
  [[gnu::used, gnu::visibility("default")]] void t##rows##x##panels(int m, int k, int n) { multiply<rows, panels, false>(m, k, n); } \
  [[gnu::used, gnu::visibility("default")]] void t##rows##x##panels##_joins(int m, int k, int n) { multiply<rows, panels, true>(m, k, n); }
TILE(4, 1)
TILE(5, 1)
TILE(6, 1)
TILE(8, 1)
TILE(10, 1)
TILE(12, 1)
TILE(4, 2)
TILE(5, 2)
TILE(6, 2)

#define INTEGER_TILE(rows, panels) \
  [[gnu::used, gnu::visibility("default")]] void i##rows##x##panels(int m, int k, int n) { multiplyIntegers<rows, panels>(m, k, n); }
INTEGER_TILE(4, 1)
INTEGER_TILE(6, 1)
INTEGER_TILE(8, 1)
INTEGER_TILE(4, 2)
INTEGER_TILE(5, 2)
INTEGER_TILE(6, 2)
}
