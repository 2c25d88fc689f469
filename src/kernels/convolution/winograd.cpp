#include "src/kernels/convolution/winograd.h"

#include <algorithm>
#include <array>

#include "src/kernels/simd.h"

namespace beit {

namespace {

constexpr int64_t kSide = 6;  // inputs of a tile each way
using Line = std::array<F32x4, kSide>;

// The polynomials' points: 0, 1/sqrt(2) and sqrt(2) with both signs, infinity. The usual 0, 1 and 2 give errors twice
// as large (rms; simulated with 256 channels: 1.5e-6 and 3.1e-6) at the same cost.
constexpr double kSmall = 0.70710678118654752440, kLarge = 1.41421356237309504880;

// B^T d: what six inputs in a line become.
Line transformInputs(const Line& d) {
  const F32x4 half = splat4(0.5f), two = splat4(2.0f), both = splat4(2.5f);
  const F32x4 even = d[4] - two * d[2], odd = splat4(static_cast<float>(kSmall)) * (d[3] - two * d[1]);
  const F32x4 even2 = d[4] - half * d[2], odd2 = splat4(static_cast<float>(kLarge)) * (d[3] - half * d[1]);
  return {d[0] - both * d[2] + d[4], even + odd, even - odd, even2 + odd2, even2 - odd2, d[1] - both * d[3] + d[5]};
}

// A^T m: what six products in a line become.
std::array<F32x4, WinogradConvolution::kTile> transformProducts(const Line& m) {
  const F32x4 half = splat4(0.5f), two = splat4(2.0f);
  const F32x4 even = m[1] + m[2], odd = splat4(static_cast<float>(kSmall)) * (m[1] - m[2]);
  const F32x4 even2 = m[3] + m[4], odd2 = splat4(static_cast<float>(kLarge)) * (m[3] - m[4]);
  return {m[0] + even + even2, odd + odd2, half * even + two * even2, half * odd + two * odd2 + m[5]};
}

// to (6) = line `i` of G g G^T of one 3 x 3 kernel, in double precision: it is done once.
void transformKernel(const float* g, double scale, int64_t i, double* to) {
  constexpr double kG[kSide][3] = {{1, 0, 0},
                                   {-1 / 1.5, -kSmall / 1.5, -0.5 / 1.5},
                                   {-1 / 1.5, kSmall / 1.5, -0.5 / 1.5},
                                   {1.0 / 6, kLarge / 6, 2.0 / 6},
                                   {1.0 / 6, -kLarge / 6, 2.0 / 6},
                                   {0, 0, 1}};
  double row[3];
  for (int64_t x = 0; x < 3; ++x) row[x] = scale * (kG[i][0] * g[x] + kG[i][1] * g[3 + x] + kG[i][2] * g[6 + x]);
  for (const auto& column : kG) *to++ = row[0] * column[0] + row[1] * column[1] + row[2] * column[2];
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

// to (36, stride between points): the transformed tile whose first input is (top, left) of `input`, which
// is 0 outside.
[[gnu::noinline]] void transformInputTile(const FeatureMap& input, int64_t top, int64_t left, float* to, int64_t stride) {
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

// Writes the tile of products `from` (36, stride between points) to `rows` x `columns` outputs.
[[gnu::noinline]] void transformProductTile(const float* from, int64_t stride, int64_t channels, const float* bias, bool relu, int64_t rows,
                                            int64_t columns, float* to, int64_t row_stride) {
  constexpr size_t kTile = WinogradConvolution::kTile;
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

Status WinogradConvolution::make(const float* kernel, int64_t total_inputs, int64_t first, const float* scale, const float* bias) {
  const int64_t inputs = inputs_, outputs = outputs_;
  BEIT_ASSIGN(bias_, FloatBuffer::allocate(outputs, "a convolution's bias"));
  for (int64_t o = 0; o < outputs; ++o) bias_.data()[o] = bias ? bias[o] : 0.0f;
  // A line of points at a time, so that no copy of all 36 matrices is made beside the packed ones.
  BEIT_ASSIGN(FloatBuffer matrices, FloatBuffer::allocate(kSide * outputs * inputs, "a transformed kernel"));
  for (int64_t line = 0; line < kSide; ++line) {
    for (int64_t o = 0; o < outputs; ++o)
      for (int64_t i = 0; i < inputs; ++i) {
        double points[kSide];
        transformKernel(kernel + (o * total_inputs + first + i) * 9, static_cast<double>(scale[o]), line, points);
        for (int64_t j = 0; j < kSide; ++j) matrices.data()[(j * outputs + o) * inputs + i] = static_cast<float>(points[j]);
      }
    for (int64_t j = 0; j < kSide; ++j) {
      BEIT_ASSIGN(PackedMatrix matrix, PackedMatrix::pack(inputs, outputs, matrices.data() + j * outputs * inputs, inputs, nullptr));
      matrices_.push_back(std::move(matrix));
    }
  }
  return {};
}

Status WinogradConvolution::run(const Execution& execution, const FeatureMap& input, int64_t first_row, int64_t rows, float* output,
                                bool relu) const {
  assert(input.channels == inputs_ && first_row % kTile == 0 && rows <= kRowsPerBand);
  const int64_t across = (input.size.width + kTile - 1) / kTile, down = (rows + kTile - 1) / kTile, tiles = down * across;
  const WorkTimer timer(execution.profile(), Work::kConvolution, 2.0 * static_cast<double>(kPoints * tiles * inputs_ * outputs_));
  BEIT_ASSIGN(FloatBuffer points, execution.workspace().floats(kPoints * tiles * inputs_, "transformed inputs"));
  BEIT_ASSIGN(FloatBuffer products, execution.workspace().floats(kPoints * tiles * outputs_, "products"));
  execution.parallelFor(static_cast<size_t>(tiles), [&](size_t, size_t i) {
    const auto tile = static_cast<int64_t>(i);
    transformInputTile(input, first_row + tile / across * kTile - 1, tile % across * kTile - 1, points.data() + tile * inputs_,
                       tiles * inputs_);
  });
  for (size_t p = 0; p < matrices_.size(); ++p) {
    const auto of_point = static_cast<int64_t>(p) * tiles;
    matrices_[p].multiply(execution, tiles, points.data() + of_point * inputs_, inputs_, products.data() + of_point * outputs_, outputs_);
  }
  const int64_t row_stride = input.size.width * outputs_;
  execution.parallelFor(static_cast<size_t>(tiles), [&](size_t, size_t i) {
    const auto tile = static_cast<int64_t>(i);
    const int64_t y = tile / across * kTile, x = tile % across * kTile;
    transformProductTile(products.data() + tile * outputs_, tiles * outputs_, outputs_, bias_.data(), relu, std::min(kTile, rows - y),
                         std::min(kTile, input.size.width - x), output + y * row_stride + x * outputs_, row_stride);
  });
  return {};
}

}  // namespace beit
