#include "src/kernels/gemm/strassen.h"

#include <algorithm>

#include "src/kernels/gemm/f32_microkernel.h"
#include "src/kernels/simd.h"

namespace beit {

namespace {

constexpr int64_t kSums = 4;

// Below these the sums cost more than an eighth of the products.
constexpr int64_t kMinRows = 96, kMinInputs = 256, kMinOutputs = 256;

// Half of it is the depth of a product: 16 KB of a panel, which stay in a first-level cache.
constexpr int64_t kMaxChunk = 1024;

// Returns the inputs of a chunk, or 0 where they do not come out as whole vectors.
int64_t chunkOf(int64_t inputs) {
  const int64_t chunks = (inputs + kMaxChunk - 1) / kMaxChunk;
  return inputs % (8 * chunks) == 0 ? inputs / chunks : 0;
}

int64_t upperHalf(int64_t rows) { return (rows + 1) / 2; }

int64_t roomOf(int64_t half, int64_t chunk) { return kMostPanels * kNr * (chunk + 6 * half); }

// Functions of their own, as all that is called often: engines replace slow first code only between calls.
[[gnu::noinline]] void subtract(int64_t count, const float* a, const float* b, float* difference) {
  for (int64_t i = 0; i < count; i += 4) store4(difference + i, load4(a + i) - load4(b + i));
}

// Both are dense.
[[gnu::noinline]] void add(int64_t count, const float* columns, float* to) {
  for (int64_t i = 0; i < count; i += 4) store4(to + i, load4(to + i) + load4(columns + i));
}

// `columns` are whole panels, and too few for a call of memcpy.
void copyRow(int64_t columns, const float* from, float* to) {
  for (int64_t c = 0; c < columns; c += 4) store4(to + c, load4(from + c));
}

void setRows(int64_t rows, int64_t columns, const float* row, float* to) {
  for (int64_t r = 0; r < rows; ++r) copyRow(columns, row, to + r * columns);
}

[[gnu::noinline]] void copyColumns(int64_t rows, int64_t columns, const float* from, float* to, int64_t stride) {
  for (int64_t r = 0; r < rows; ++r, from += columns, to += stride) copyRow(columns, from, to);
}

// S1 = A21 + A22, S2 = S1 - A11, S3 = A11 - A21, S4 = A12 - S2 of a row of each half; `lower` may be null for zeros.
[[gnu::noinline]] void sumRows(int64_t count, const float* upper, const float* lower, float* sums, int64_t stride) {
  for (int64_t k = 0; k < count; k += 4) {
    const F32x4 a11 = load4(upper + k), a12 = load4(upper + count + k);
    const F32x4 a21 = lower ? load4(lower + k) : splat4(0.0f), a22 = lower ? load4(lower + count + k) : splat4(0.0f);
    const F32x4 s1 = a21 + a22, s2 = s1 - a11;
    store4(sums + k, s1);
    store4(sums + stride + k, s2);
    store4(sums + 2 * stride + k, a11 - a21);
    store4(sums + 3 * stride + k, a12 - s2);
  }
}

}  // namespace

bool StrassenRows::suits(int64_t rows, int64_t inputs, int64_t outputs) {
  return rows >= kMinRows && inputs >= kMinInputs && chunkOf(inputs) > 0 && outputs >= kMinOutputs && outputs % (2 * kNr) == 0;
}

Result<StrassenRows> StrassenRows::make(const Execution& execution, int64_t rows, int64_t inputs, const float* values) {
  StrassenRows result;
  const int64_t half = upperHalf(rows), chunk = chunkOf(inputs);
  BEIT_ASSIGN(result.sums_, execution.workspace().floats(kSums * half * (inputs / 2), "sums of rows"));
  BEIT_ASSIGN(result.rooms_, execution.workspace().floats(execution.threads() * roomOf(half, chunk), "sums of weights"));
  result.rows_ = rows;
  result.inputs_ = inputs;
  result.half_ = half;
  result.chunk_ = chunk;
  result.values_ = values;
  constexpr int64_t kRowsPerTask = 4;
  execution.parallelFor(static_cast<size_t>((half + kRowsPerTask - 1) / kRowsPerTask), [&](size_t, size_t task) {
    const int64_t first = static_cast<int64_t>(task) * kRowsPerTask;
    for (int64_t r = first; r < std::min(half, first + kRowsPerTask); ++r) {
      const float* upper = values + r * inputs;
      const float* lower = r + half < rows ? upper + half * inputs : nullptr;
      for (int64_t k = 0; k < inputs; k += chunk)
        sumRows(chunk / 2, upper + k, lower ? lower + k : nullptr, result.sums_.data() + (r * inputs + k) / 2, half * (inputs / 2));
    }
  });
  return result;
}

void StrassenRows::multiply(const Execution& execution, const PackedMatrix& matrix, float* output) const {
  const int64_t pairs = matrix.outputs() / (2 * kNr), width = execution.microkernels().f32_panels;
  // Of each row of the upper half a block reads that and its counterpart, and as much of sums.
  const int64_t row_bytes = chunk_ * static_cast<int64_t>(sizeof(float));
  forGemmTasks(execution, half_, (pairs + width - 1) / width, row_bytes,
               [&](size_t thread, int64_t row, int64_t last_row, int64_t first, int64_t last) {
                 float* room = rooms_.data() + static_cast<int64_t>(thread) * roomOf(half_, chunk_);
                 for (int64_t pair = first * width; pair < std::min(pairs, last * width); pair += width)
                   multiplyPairs(execution.microkernels(), matrix, pair, std::min(width, pairs - pair), row, last_row - row, room, output);
               });
}

void StrassenRows::multiplyPairs(const Microkernels& kernels, const PackedMatrix& matrix, int64_t pair, int64_t width, int64_t row,
                                 int64_t count, float* room, float* output) const {
  const int64_t outputs = matrix.outputs(), depth = chunk_ / 2, panel = depth * kNr;
  const int64_t wide = width * kNr;          // columns at once
  const int64_t next_panel = inputs_ * kNr;  // floats of the matrix from one panel to the next
  const int64_t left = pair * kNr, right = outputs / 2 + left;
  const int64_t lower = std::clamp<int64_t>(rows_ - half_ - row, 0, count);  // rows of the block in the lower half
  float* t = room;                                                           // sums of weights, Winograd's T
  float* t3 = t + width * panel;
  float* u = t3 + width * panel;  // partial results, his U
  const int64_t columns = half_ * wide;
  float *p5 = u + columns, *c11 = p5 + columns, *c12 = c11 + columns, *c21 = c12 + columns, *c22 = c21 + columns;
  // Results lie here until all is added up: columns of the output are far apart, and fall on few lines of a cache.
  setRows(count, wide, matrix.bias() + left, c11);
  setRows(count, wide, matrix.bias() + right, c12);
  setRows(count, wide, matrix.bias() + left, c21);
  setRows(count, wide, matrix.bias() + right, c22);

  // to = start (null: 0) + a x b; or to += that.
  const auto multiply = [&](int64_t rows, const float* a, int64_t stride, const float* b, int64_t b_stride, const float* start, float* to,
                            bool accumulate) {
    forTiles(rows, kernels.f32TileRows(), [&](int64_t r, int64_t tile) {
      f32Microkernel(tile, wide, static_cast<size_t>(depth), a + r * stride, stride, b, b_stride, start ? start + r * wide : nullptr, wide,
                     to + r * wide, wide, {.accumulate = accumulate});
    });
  };
  // to = a - b, panel by panel.
  const auto subtractPanels = [&](const float* a, const float* b, int64_t b_stride, float* to) {
    for (int64_t p = 0; p < width; ++p) subtract(panel, a + p * next_panel, b + p * b_stride, to + p * panel);
  };

  for (int64_t k = 0; k < inputs_; k += chunk_) {
    const float* b11 = matrix.panels() + left * inputs_ + k * kNr;
    const float* b21 = b11 + panel;
    const float* b12 = matrix.panels() + right * inputs_ + k * kNr;
    const float* b22 = b12 + panel;
    const float* a11 = values_ + row * inputs_ + k;
    const float* a12 = a11 + depth;
    const float* a22 = a12 + half_ * inputs_;
    const int64_t at = (row * inputs_ + k) / 2, stride = inputs_ / 2;

    multiply(count, a11, inputs_, b11, next_panel, nullptr, u, false);   // P1
    multiply(count, a12, inputs_, b21, next_panel, u, c11, true);        // U1 = P1 + P2
    subtractPanels(b12, b11, next_panel, t);                             // T1
    multiply(count, sum(0) + at, stride, t, panel, nullptr, p5, false);  // P5 = S1 T1
    add(count * wide, p5, c12);
    add(count * wide, p5, c22);
    subtractPanels(b22, t, panel, t);                                     // T2
    multiply(count, sum(1) + at, stride, t, panel, u, u, false);          // U2 = P1 + S2 T2
    multiply(count, sum(3) + at, stride, b22, next_panel, u, c12, true);  // U5 = U2 + P5 + S4 B22
    subtractPanels(b22, b12, next_panel, t3);                             // T3
    multiply(count, sum(2) + at, stride, t3, panel, u, u, false);         // U3 = U2 + S3 T3
    add(count * wide, u, c22);                                            // U7 = U3 + P5
    subtractPanels(b21, t, panel, t);                                     // -T4
    multiply(lower, a22, inputs_, t, panel, u, c21, true);                // U6 = U3 - A22 T4
  }
  float* upper = output + row * outputs;
  copyColumns(count, wide, c11, upper + left, outputs);
  copyColumns(count, wide, c12, upper + right, outputs);
  copyColumns(lower, wide, c21, upper + half_ * outputs + left, outputs);
  copyColumns(lower, wide, c22, upper + half_ * outputs + right, outputs);
}

}  // namespace beit
