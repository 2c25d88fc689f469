#include "src/kernels/gemm/quantized_strassen.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <initializer_list>

#include "src/kernels/simd.h"

namespace beit {

namespace {

constexpr int64_t kSums = 4;
// Panels that are multiplied with: B11, B21, B22 and Winograd's T1 to T3 and -T4.
enum Weights { kB11, kB21, kB22, kT1, kT2, kT3, kMinusT4, kWeights };
// Partial results, Winograd's U and P5, and the four quarters of the product.
enum Columns { kU, kP5, kC11, kC12, kC21, kC22, kColumns };

// Below these it gains next to nothing: 96 x 256 x 256 takes 1.02 of the time, 97 x 384 x 384 0.99, 128 x 512 x 512 0.95.
constexpr int64_t kMinRows = 96, kMinInputs = 512, kMinOutputs = 512;

// Half of it is the depth of a product: 16 KB of a panel, which stay in a first-level cache.
constexpr int64_t kMaxChunk = 2048;

// |S4| <= 4 * 8191 fits 16 bits.
constexpr int32_t kMostActivation = 8191;

// Returns the inputs of a chunk, or 0 where halves do not come out as whole vectors of pairs.
int64_t chunkOf(int64_t inputs) {
  const int64_t chunks = (inputs + kMaxChunk - 1) / kMaxChunk;
  return inputs % (4 * chunks) == 0 ? inputs / chunks : 0;
}

int64_t upperHalf(int64_t rows) { return ((rows + 1) / 2 + kMr - 1) / kMr * kMr; }

// Pairs of panels at once: a tile of rows is read for both, and whole lines of a cache are stored.
constexpr int64_t kPairs = 2;

// From the panels of one kind to those of the next: half a chunk of each, and one line of a cache, since all that lies 4 KB apart would
// fall on the same lines.
int64_t weightsStride(int64_t width, int64_t chunk) { return width * (chunk / 2) * kNr + 32; }

int64_t weightsOf(int64_t chunk) { return kWeights * weightsStride(kPairs, chunk); }

int64_t columnsOf(int64_t half) { return kPairs * kColumns * half * kNr; }

// A quarter of the product as integers, and where it goes.
struct Quarter {
  int64_t rows, row, column;
  int32_t* sums;
};

void store8(int16_t* to, I16x8 values) { std::memcpy(to, &values, sizeof values); }

void storeIntegers4(int32_t* to, I32x4 values) { std::memcpy(to, &values, sizeof values); }

// S1 = A21 + A22, S2 = S1 - A11, S3 = A11 - A21, S4 = A12 - S2 of a tile of each half; `lower` may be null for zeros. Functions of
// their own, as all that is called often: engines replace slow first code only between calls.
[[gnu::noinline]] void sumRows(int64_t count, const int16_t* upper, const int16_t* lower, int16_t* sums, int64_t stride) {
  for (int64_t i = 0; i < count; i += 8) {
    const I16x8 a11 = load8(upper + i), a12 = load8(upper + count + i);
    const I16x8 a21 = lower ? load8(lower + i) : I16x8{}, a22 = lower ? load8(lower + count + i) : I16x8{};
    const I16x8 s1 = a21 + a22, s2 = s1 - a11;
    store8(sums + i, s1);
    store8(sums + stride + i, s2);
    store8(sums + 2 * stride + i, a11 - a21);
    store8(sums + 3 * stride + i, a12 - s2);
  }
}

// Makes what is multiplied with of `count` weights of each quarter, (upper half of the inputs, lower half) of a panel and of its
// counterpart; `stride` lies between the results.
[[gnu::noinline]] void sumWeights(int64_t count, const int8_t* left, const int8_t* right, int16_t* to, int64_t stride) {
  for (int64_t i = 0; i < count; i += 8) {
    const I16x8 b11 = loadWidened8(left + i), b21 = loadWidened8(left + count + i);
    const I16x8 b12 = loadWidened8(right + i), b22 = loadWidened8(right + count + i);
    const I16x8 t1 = b12 - b11, t2 = b22 - t1;
    store8(to + kB11 * stride + i, b11);
    store8(to + kB21 * stride + i, b21);
    store8(to + kB22 * stride + i, b22);
    store8(to + kT1 * stride + i, t1);
    store8(to + kT2 * stride + i, t2);
    store8(to + kT3 * stride + i, b22 - b12);
    store8(to + kMinusT4 * stride + i, b21 - t2);
  }
}

// to = a + b, or to += that; b may be null for zeros.
[[gnu::noinline]] void addColumns(int64_t count, const int32_t* a, const int32_t* b, bool accumulate, int32_t* to) {
  for (int64_t i = 0; i < count; i += 4) {
    I32x4 sum = loadIntegers4(a + i);
    if (b) sum = addWrapping(sum, loadIntegers4(b + i));
    if (accumulate) sum = addWrapping(sum, loadIntegers4(to + i));
    storeIntegers4(to + i, sum);
  }
}

}  // namespace

bool QuantizedStrassenRows::suits(int64_t rows, int64_t inputs, int64_t outputs) {
  return rows >= kMinRows && inputs >= kMinInputs && chunkOf(inputs) > 0 && outputs >= kMinOutputs && outputs % (2 * kNr) == 0;
}

int32_t QuantizedStrassenRows::activationLimit(int64_t inputs) { return std::min(kMostActivation, beit::activationLimit(inputs)); }

Result<QuantizedStrassenRows> QuantizedStrassenRows::make(const Execution& execution, const W8A16Rows& rows) {
  QuantizedStrassenRows result;
  const int64_t inputs = rows.inputs(), half = upperHalf(rows.rows()), chunk = chunkOf(inputs);
  BEIT_ASSIGN(result.sums_, execution.workspace().elements<int16_t>(kSums * half * (inputs / 2), "sums of rows"));
  BEIT_ASSIGN(result.weights_, execution.workspace().elements<int16_t>(execution.threads() * weightsOf(chunk), "sums of weights"));
  BEIT_ASSIGN(result.columns_, execution.workspace().elements<int32_t>(execution.threads() * columnsOf(half), "partial results"));
  result.half_ = half;
  result.chunk_ = chunk;
  execution.parallelFor(static_cast<size_t>(half / kMr), [&](size_t, size_t task) {
    const int64_t r = static_cast<int64_t>(task) * kMr;
    const int16_t* upper = rows.tile(r);
    const int16_t* lower = r + half < rows.rows() ? rows.tile(r + half) : nullptr;
    for (int64_t k = 0; k < inputs; k += chunk)
      sumRows(kMr * chunk / 2, upper + k * kMr, lower ? lower + k * kMr : nullptr, result.sums_.data() + r * (inputs / 2) + kMr * k / 2,
              half * (inputs / 2));
  });
  return result;
}

void QuantizedStrassenRows::multiply(const Execution& execution, const W8A16Rows& rows, const W8A16Matrix& matrix, float* output) const {
  assert(rows.inputs() == matrix.inputs());
  const int64_t pairs = matrix.outputs() / (2 * kNr);
  const int64_t row_bytes = 2 * chunk_ * static_cast<int64_t>(sizeof(int16_t));
  forGemmTasks(execution, half_, (pairs + kPairs - 1) / kPairs, row_bytes,
               [&](size_t thread, int64_t row, int64_t last_row, int64_t first, int64_t last) {
                 const int64_t of_thread = static_cast<int64_t>(thread);
                 for (int64_t pair = first * kPairs; pair < std::min(pairs, last * kPairs); pair += kPairs)
                   multiplyPairs(execution.microkernels(), rows, matrix, pair, std::min(kPairs, pairs - pair), row, last_row - row,
                                 weights_.data() + of_thread * weightsOf(chunk_), columns_.data() + of_thread * columnsOf(half_), output);
               });
}

void QuantizedStrassenRows::multiplyPairs(const Microkernels& kernels, const W8A16Rows& rows, const W8A16Matrix& matrix, int64_t pair,
                                          int64_t width, int64_t row, int64_t count, int16_t* weights, int32_t* columns,
                                          float* output) const {
  const int64_t inputs = rows.inputs(), depth = chunk_ / 2, panel = depth * kNr, wide = width * kNr, of_sums = inputs / 2;
  const int64_t outputs = matrix.outputs(), left = pair * kNr, right = outputs / 2 + left;
  const int64_t lower = std::clamp<int64_t>(rows.rows() - half_ - row, 0, count);  // rows of the block in the lower half
  const int64_t at_once = kernels.w8a16_panels, weights_stride = weightsStride(width, chunk_);
  const auto column = [&](Columns i) { return columns + i * half_ * wide; };
  int32_t *u = column(kU), *p5 = column(kP5);
  const Quarter c11{count, row, left, column(kC11)}, c12{count, row, right, column(kC12)};
  const Quarter c21{lower, half_ + row, left, column(kC21)}, c22{lower, half_ + row, right, column(kC22)};

  for (int64_t k = 0; k < inputs; k += chunk_) {
    for (int64_t p = 0; p < width; ++p)
      sumWeights(panel, matrix.panels() + (left + p * kNr) * inputs + k * kNr, matrix.panels() + (right + p * kNr) * inputs + k * kNr,
                 weights + p * panel, weights_stride);
    // to = start (null: 0) + tiles, `stride` integers for each row, x weights. Stores of a quarter that is done go between products, which
    // do not wait for them.
    const auto multiply = [&](int64_t of_rows, const int16_t* tiles, int64_t stride, Weights with, const int32_t* start, int32_t* to,
                              std::initializer_list<Quarter> done = {}) {
      for (int64_t r = 0; r < of_rows; r += kMr)
        for (int64_t p = 0; p < width; p += at_once) {
          const int64_t panels = std::min(at_once, width - p), tile = r * wide + p * kMr * kNr, skipped = p * kNr;
          sumIntegerTile(panels, static_cast<size_t>(depth), tiles + r * stride, weights + with * weights_stride + p * panel,
                         start ? start + tile : nullptr, to + tile);
          if (k + chunk_ < inputs) continue;
          for (const Quarter& quarter : done)
            scaleIntegerTile(std::min(kMr, quarter.rows - r), panels * kNr, quarter.sums + tile, rows.scales() + quarter.row + r,
                             matrix.scaling().scales.data() + quarter.column + skipped,
                             matrix.scaling().bias.data() + quarter.column + skipped,
                             output + (quarter.row + r) * outputs + quarter.column + skipped, outputs, {});
        }
    };
    const int16_t* a11 = rows.tile(row) + k * kMr;
    const int16_t* a12 = a11 + depth * kMr;
    const int16_t* a22 = a12 + half_ * inputs;
    const auto s = [&](int64_t i) { return sums_.data() + ((i - 1) * half_ + row) * of_sums + k / 2 * kMr; };
    const auto add = [&](const int32_t* a, const int32_t* b, const Quarter& to) { addColumns(count * wide, a, b, k > 0, to.sums); };
    // Returns what a quarter's sums go on from: `from`, and what is there of chunks before.
    const auto after = [&](const int32_t* from, const Quarter& quarter) {
      if (k > 0) add(from, nullptr, quarter);
      return k > 0 ? quarter.sums : from;
    };

    multiply(count, a11, inputs, kB11, nullptr, u);                               // P1
    multiply(count, a12, inputs, kB21, after(u, c11), c11.sums, {c11});           // U1 = P1 + P2
    multiply(count, s(1), of_sums, kT1, nullptr, p5);                             // P5
    multiply(count, s(2), of_sums, kT2, u, u);                                    // U2 = P1 + S2 T2
    add(u, p5, c12);                                                              // U4 = U2 + P5
    multiply(count, s(4), of_sums, kB22, c12.sums, c12.sums, {c12});              // U5 = U4 + S4 B22
    multiply(count, s(3), of_sums, kT3, u, u);                                    // U3 = U2 + S3 T3
    add(u, p5, c22);                                                              // U7 = U3 + P5
    multiply(lower, a22, inputs, kMinusT4, after(u, c21), c21.sums, {c21, c22});  // U6 = U3 - A22 T4
  }
}

}  // namespace beit
