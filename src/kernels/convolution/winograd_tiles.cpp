#include "src/kernels/convolution/winograd_tiles.h"

#include <algorithm>
#include <array>

#include "src/kernels/simd.h"

namespace beit::winograd {

namespace {

using Line = std::array<F32x4, kSide>;

// B^T d: what six inputs in a line become.
Line transformInputs(const Line& d) {
  const F32x4 half = splat4(0.5f), two = splat4(2.0f), both = splat4(2.5f);
  const F32x4 even = d[4] - two * d[2], odd = splat4(static_cast<float>(kSmall)) * (d[3] - two * d[1]);
  const F32x4 even2 = d[4] - half * d[2], odd2 = splat4(static_cast<float>(kLarge)) * (d[3] - half * d[1]);
  return {d[0] - both * d[2] + d[4], even + odd, even - odd, even2 + odd2, even2 - odd2, d[1] - both * d[3] + d[5]};
}

// A^T m: what six products in a line become.
std::array<F32x4, kTile> transformProducts(const Line& m) {
  const F32x4 half = splat4(0.5f), two = splat4(2.0f);
  const F32x4 even = m[1] + m[2], odd = splat4(static_cast<float>(kSmall)) * (m[1] - m[2]);
  const F32x4 even2 = m[3] + m[4], odd2 = splat4(static_cast<float>(kLarge)) * (m[3] - m[4]);
  return {m[0] + even + even2, odd + odd2, half * even + two * even2, half * odd + two * odd2 + m[5]};
}

// G g: what three weights in a line become.
std::array<F32x4, kSide> transformWeights(F32x4 a, F32x4 b, F32x4 c) {
  const F32x4 even = splat4(-1.0f / 1.5f) * (a + splat4(0.5f) * c), odd = splat4(static_cast<float>(-kSmall / 1.5)) * b;
  const F32x4 even2 = splat4(1.0f / 6.0f) * (a + splat4(2.0f) * c), odd2 = splat4(static_cast<float>(kLarge / 6.0)) * b;
  return {a, even + odd, even - odd, even2 + odd2, even2 - odd2, c};
}

// Channels are done in fours; the last group of a number that is no multiple is read and written by itself.
F32x4 loadSome(const float* from, int64_t count) {
  if (count >= 4) return load4(from);
  float values[4] = {};
  std::copy_n(from, count, values);
  return load4(values);
}

void storeSome(float* to, F32x4 value, int64_t count) {
  if (count >= 4) return store4(to, value);
  float values[4];
  store4(values, value);
  std::copy_n(values, count, to);
}

// Writes the tile of products `from` (36, stride between points), of `channels` outputs, to `rows` x `columns` of them
// at `to`, whose rows are `row_stride` apart.
[[gnu::noinline]] void transformProductTile(const float* from, int64_t stride, int64_t channels, const float* bias, bool relu, int64_t rows,
                                            int64_t columns, float* to, int64_t row_stride) {
  for (int64_t c = 0; c < channels; c += 4) {
    std::array<std::array<F32x4, kTile>, kSide> lines;  // [point of x][y]
    for (size_t j = 0; j < kSide; ++j) {
      Line line;
      for (size_t i = 0; i < kSide; ++i) line[i] = loadSome(from + static_cast<int64_t>(i * kSide + j) * stride + c, channels - c);
      lines[j] = transformProducts(line);
    }
    const F32x4 shift = loadSome(bias + c, channels - c);
    for (int64_t y = 0; y < rows; ++y) {
      Line line;
      for (size_t j = 0; j < kSide; ++j) line[j] = lines[j][static_cast<size_t>(y)];
      const auto outputs = transformProducts(line);
      for (int64_t x = 0; x < columns; ++x) {
        F32x4 value = outputs[static_cast<size_t>(x)] + shift;
        if (relu) value = max4(value, splat4(0.0f));
        storeSome(to + y * row_stride + x * channels + c, value, channels - c);
      }
    }
  }
}

}  // namespace

void transformKernel(const float* g, double scale, int64_t line, double* to) {
  constexpr double kG[kSide][3] = {{1, 0, 0},
                                   {-1 / 1.5, -kSmall / 1.5, -0.5 / 1.5},
                                   {-1 / 1.5, kSmall / 1.5, -0.5 / 1.5},
                                   {1.0 / 6, kLarge / 6, 2.0 / 6},
                                   {1.0 / 6, -kLarge / 6, 2.0 / 6},
                                   {0, 0, 1}};
  double row[3];
  for (int64_t x = 0; x < 3; ++x) row[x] = scale * (kG[line][0] * g[x] + kG[line][1] * g[3 + x] + kG[line][2] * g[6 + x]);
  for (const auto& column : kG) *to++ = row[0] * column[0] + row[1] * column[1] + row[2] * column[2];
}

void transformKernels(int64_t count, const int8_t* from, const float* scales, float* to) {
  for (int64_t i = 0; i < count; i += 8) {
    I16x8 taps[kTaps];
    for (int64_t tap = 0; tap < kTaps; ++tap) taps[tap] = loadWidened8(from + tap * count + i);
    for (int64_t half = 0; half < 8; half += 4) {
      const auto weight = [&](int64_t tap) {
        const I16x8 v = taps[tap];
        const F32x4 low = __builtin_convertvector(__builtin_shufflevector(v, v, 0, 1, 2, 3), F32x4);
        const F32x4 high = __builtin_convertvector(__builtin_shufflevector(v, v, 4, 5, 6, 7), F32x4);
        return splat4(scales[tap]) * (half == 0 ? low : high);
      };
      std::array<std::array<F32x4, kSide>, 3> columns;  // [x][point of y]
      for (int64_t x = 0; x < 3; ++x) columns[static_cast<size_t>(x)] = transformWeights(weight(x), weight(3 + x), weight(6 + x));
      for (size_t y = 0; y < kSide; ++y) {
        const auto line = transformWeights(columns[0][y], columns[1][y], columns[2][y]);
        for (size_t x = 0; x < kSide; ++x) store4(to + static_cast<int64_t>(y * kSide + x) * count + i + half, line[x]);
      }
    }
  }
}

void transformInputTile(const FeatureMap& input, int64_t top, int64_t left, float* to, int64_t stride) {
  const int64_t channels = input.channels;
  for (int64_t c = 0; c < channels; c += 4) {
    std::array<Line, kSide> columns;  // [x][point of y]
    for (int64_t x = 0; x < kSide; ++x) {
      Line line;
      for (int64_t y = 0; y < kSide; ++y) {
        const int64_t at_y = top + y, at_x = left + x;
        const bool inside = at_y >= 0 && at_y < input.size.height && at_x >= 0 && at_x < input.size.width;
        line[static_cast<size_t>(y)] =
            inside ? loadSome(input.data() + (at_y * input.size.width + at_x) * channels + c, channels - c) : splat4(0.0f);
      }
      columns[static_cast<size_t>(x)] = transformInputs(line);
    }
    for (size_t i = 0; i < kSide; ++i) {
      Line line;
      for (size_t x = 0; x < kSide; ++x) line[x] = columns[x][i];
      const Line points = transformInputs(line);
      for (size_t j = 0; j < kSide; ++j) storeSome(to + static_cast<int64_t>(i * kSide + j) * stride + c, points[j], channels - c);
    }
  }
}

void transformProductTiles(const Execution& execution, const float* from, Size size, int64_t channels, const float* bias, bool relu,
                           float* to) {
  const int64_t across = (size.width + kTile - 1) / kTile, tiles = (size.height + kTile - 1) / kTile * across;
  const int64_t row_stride = size.width * channels;
  execution.parallelFor(static_cast<size_t>(tiles), [&](size_t, size_t i) {
    const auto tile = static_cast<int64_t>(i);
    const int64_t y = tile / across * kTile, x = tile % across * kTile;
    transformProductTile(from + tile * channels, tiles * channels, channels, bias, relu, std::min(kTile, size.height - y),
                         std::min(kTile, size.width - x), to + y * row_stride + x * channels, row_stride);
  });
}

}  // namespace beit::winograd
