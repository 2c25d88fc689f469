// One level of Strassen's algorithm in Winograd's form (S. Winograd, "On multiplication of 2 x 2 matrices", Linear Algebra and its
// Applications 4, 1971), for numbers of any kind: rows, inputs and outputs are halved; 7 products of quarters and 15 sums of them stand for
// 8 products. strassen.h has it for floats, quantized_strassen.h for the integers of W8A16.
//
// Weights stay as they are packed: their sums are made for two pairs of panels at a time, an output's and its counterpart's in the right
// half, as the product goes along. Sums of the rows are made once for all matrices that they are multiplied with.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>

#include "src/base/buffer.h"
#include "src/base/result.h"
#include "src/kernels/execution.h"
#include "src/kernels/gemm/blocking.h"
#include "src/kernels/simd.h"

namespace beit {

// The products for which the form pays.
struct StrassenSizes {
  int64_t least_rows, least_inputs, least_outputs;
  int64_t most_chunk;  // inputs that are halved together
  int64_t multiple;    // of whole chunks, so that halves are whole vectors

  // Returns the inputs of a chunk, or 0 where `inputs` do not come out as whole ones.
  constexpr int64_t chunkOf(int64_t inputs) const {
    const int64_t chunks = (inputs + most_chunk - 1) / most_chunk;
    return inputs % (multiple * chunks) == 0 ? inputs / chunks : 0;
  }
  constexpr bool suit(int64_t rows, int64_t inputs, int64_t outputs) const {
    return rows >= least_rows && inputs >= least_inputs && chunkOf(inputs) > 0 && outputs >= least_outputs && outputs % (2 * kNr) == 0;
  }
};

// `Numbers` says what is added up and multiplied:
//   Operand, Vector   of rows and of what weights become, and a vector of them
//   Weight            of packed panels; widen(const Weight*) returns a vector
//   Sum, SumVector    of products
//   kRowsTogether     rows lie interleaved by so many: (rows / kRowsTogether, inputs / 2, kRowsTogether, 2), or as they are (1)
//   kAsPacked         whether packed panels are operands as they are
template <typename Numbers>
class StrassenForm {
 public:
  using Operand = typename Numbers::Operand;
  using Weight = typename Numbers::Weight;
  using Sum = typename Numbers::Sum;

  StrassenForm() = default;

  // Makes the sums of `rows` rows of `inputs` operands. Error: kOutOfMemory.
  static Result<StrassenForm> make(const Execution& execution, int64_t rows, int64_t inputs, int64_t chunk, const Operand* values);

  bool empty() const { return rows_ == 0; }

  // Multiplies these rows with `panels` (outputs / 8, inputs, 8), and gives `product` its tiles:
  //   int64_t panels()                                 of a tile
  //   tileRows()                                       the most rows of a tile
  //   multiply(rows, panels, depth, a, a_stride, b, b_stride, start, to)
  //                                                    to (rows, panels, 8) = start (the same shape; null: zeros) + a x b; strides are
  //                                                    those of rows and of panels; start may be `to`
  //   finish(rows, panels, sums, row, column)          output (rows, panels * 8) at that place = sums (rows, panels, 8)
  // One product at a time: threads have one room each.
  template <typename Product>
  void multiply(const Execution& execution, int64_t outputs, const Operand* values, const Weight* panels, const Product& product) const;

 private:
  using Vector = typename Numbers::Vector;
  using SumVector = typename Numbers::SumVector;

  static constexpr int64_t kSums = 4;
  // Pairs of panels at once: a tile of rows is read for both, and whole lines of a cache are stored.
  static constexpr int64_t kPairs = 2;
  static constexpr int64_t kTogether = Numbers::kRowsTogether;
  static constexpr int64_t kLanes = static_cast<int64_t>(sizeof(Vector) / sizeof(Operand));
  static constexpr int64_t kSumLanes = static_cast<int64_t>(sizeof(SumVector) / sizeof(Sum));
  // What lies a multiple of 4 KB apart falls on the same lines of a cache, so that arrays have one line between them.
  static constexpr int64_t kLine = 64;

  // Panels that are multiplied with: Winograd's T1 to T3 and -T4, and B11, B21 and B22 where they are not as they are packed.
  enum Weights { kT1, kT2, kT3, kMinusT4, kB11, kB21, kB22 };
  static constexpr int64_t kWeights = Numbers::kAsPacked ? kB11 : kB22 + 1;
  // Partial results, his U and P5, and the four quarters of the product: (groups of a tile's panels, rows, panels, 8).
  enum Columns { kU, kP5, kC11, kC12, kC21, kC22, kColumns };

  // A quarter of the product, and where it goes.
  struct Quarter {
    int64_t rows, row, column;
    Sum* sums;
  };

  template <typename V, typename T>
  static V load(const T* from) {
    V value;
    std::memcpy(&value, from, sizeof value);
    return value;
  }
  template <typename V, typename T>
  static void store(T* to, V value) {
    std::memcpy(to, &value, sizeof value);
  }

  static void sumRows(int64_t count, const Operand* upper, const Operand* lower, Operand* sums, int64_t stride);
  static void sumWeights(int64_t count, const Weight* left, const Weight* right, Operand* to, int64_t stride);
  static void addColumns(int64_t count, const Sum* a, const Sum* b, bool accumulate, Sum* to);

  int64_t weightsStride() const { return kPairs * (chunk_ / 2) * kNr + kLine / static_cast<int64_t>(sizeof(Operand)); }
  int64_t columnsStride() const { return kPairs * half_ * kNr + kLine / static_cast<int64_t>(sizeof(Sum)); }

  template <typename Product>
  void multiplyPairs(int64_t outputs, const Operand* values, const Weight* panels, const Product& product, int64_t pair, int64_t width,
                     int64_t row, int64_t count, Operand* weights, Sum* columns) const;

  int64_t rows_ = 0, inputs_ = 0;
  int64_t half_ = 0;                 // rows of the upper half, a multiple of kTogether; the lower one may have fewer
  int64_t chunk_ = 0;                // inputs that are halved together: a row is chunks of (left half, right half)
  Buffer<Operand> sums_;             // Winograd's S1 to S4, each (half_, inputs_ / 2), laid out as the rows
  mutable Buffer<Operand> weights_;  // for each thread
  mutable Buffer<Sum> columns_;      // for each thread
};

// S1 = A21 + A22, S2 = S1 - A11, S3 = A11 - A21, S4 = A12 - S2 of rows of each half; `lower` may be null for zeros. Functions of their own,
// as all that is called often: engines replace slow first code only between calls.
template <typename Numbers>
[[gnu::noinline]] void StrassenForm<Numbers>::sumRows(int64_t count, const Operand* upper, const Operand* lower, Operand* sums,
                                                      int64_t stride) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const auto a11 = load<Vector>(upper + i), a12 = load<Vector>(upper + count + i);
    const Vector a21 = lower ? load<Vector>(lower + i) : Vector{}, a22 = lower ? load<Vector>(lower + count + i) : Vector{};
    const Vector s1 = a21 + a22, s2 = s1 - a11;
    store(sums + i, s1);
    store(sums + stride + i, s2);
    store(sums + 2 * stride + i, a11 - a21);
    store(sums + 3 * stride + i, a12 - s2);
  }
}

// Makes what is multiplied with of `count` weights of each quarter, (upper half of the inputs, lower half) of a panel and of its
// counterpart; `stride` lies between the results.
template <typename Numbers>
[[gnu::noinline]] void StrassenForm<Numbers>::sumWeights(int64_t count, const Weight* left, const Weight* right, Operand* to,
                                                         int64_t stride) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const Vector b11 = Numbers::widen(left + i), b21 = Numbers::widen(left + count + i);
    const Vector b12 = Numbers::widen(right + i), b22 = Numbers::widen(right + count + i);
    const Vector t1 = b12 - b11, t2 = b22 - t1;
    store(to + kT1 * stride + i, t1);
    store(to + kT2 * stride + i, t2);
    store(to + kT3 * stride + i, b22 - b12);
    store(to + kMinusT4 * stride + i, b21 - t2);
    if constexpr (!Numbers::kAsPacked) {
      store(to + kB11 * stride + i, b11);
      store(to + kB21 * stride + i, b21);
      store(to + kB22 * stride + i, b22);
    }
  }
}

// to = a + b, or to += that; b may be null for zeros.
template <typename Numbers>
[[gnu::noinline]] void StrassenForm<Numbers>::addColumns(int64_t count, const Sum* a, const Sum* b, bool accumulate, Sum* to) {
  for (int64_t i = 0; i < count; i += kSumLanes) {
    auto sum = load<SumVector>(a + i);
    if (b) sum += load<SumVector>(b + i);
    if (accumulate) sum += load<SumVector>(to + i);
    store(to + i, sum);
  }
}

template <typename Numbers>
Result<StrassenForm<Numbers>> StrassenForm<Numbers>::make(const Execution& execution, int64_t rows, int64_t inputs, int64_t chunk,
                                                          const Operand* values) {
  StrassenForm result;
  const int64_t half = ((rows + 1) / 2 + kTogether - 1) / kTogether * kTogether;
  result.rows_ = rows;
  result.inputs_ = inputs;
  result.half_ = half;
  result.chunk_ = chunk;
  const Workspace& workspace = execution.workspace();
  BEIT_ASSIGN(result.sums_, workspace.elements<Operand>(kSums * half * (inputs / 2), "sums of rows"));
  BEIT_ASSIGN(result.weights_, workspace.elements<Operand>(execution.threads() * kWeights * result.weightsStride(), "sums of weights"));
  BEIT_ASSIGN(result.columns_, workspace.elements<Sum>(execution.threads() * kColumns * result.columnsStride(), "partial results"));
  constexpr int64_t kRowsPerTask = 4;
  static_assert(kRowsPerTask % kTogether == 0);
  execution.parallelFor(static_cast<size_t>((half + kRowsPerTask - 1) / kRowsPerTask), [&](size_t, size_t task) {
    const int64_t first = static_cast<int64_t>(task) * kRowsPerTask;
    for (int64_t r = first; r < std::min(half, first + kRowsPerTask); r += kTogether) {
      const Operand* upper = values + r * inputs;
      const Operand* lower = r + half < rows ? upper + half * inputs : nullptr;
      for (int64_t k = 0; k < inputs; k += chunk)
        sumRows(kTogether * chunk / 2, upper + k * kTogether, lower ? lower + k * kTogether : nullptr,
                result.sums_.data() + r * (inputs / 2) + k / 2 * kTogether, half * (inputs / 2));
    }
  });
  return result;
}

template <typename Numbers>
template <typename Product>
void StrassenForm<Numbers>::multiply(const Execution& execution, int64_t outputs, const Operand* values, const Weight* panels,
                                     const Product& product) const {
  const int64_t pairs = outputs / (2 * kNr);
  // A block's operands need not stay in a second-level cache: half as many rows would have the sums of weights made twice.
  const int64_t row_bytes = std::min<int64_t>(chunk_ * 4, 4096);
  forGemmTasks(execution, half_, (pairs + kPairs - 1) / kPairs, row_bytes,
               [&](size_t thread, int64_t row, int64_t last_row, int64_t first, int64_t last) {
                 const int64_t of_thread = static_cast<int64_t>(thread);
                 for (int64_t pair = first * kPairs; pair < std::min(pairs, last * kPairs); pair += kPairs)
                   multiplyPairs(outputs, values, panels, product, pair, std::min(kPairs, pairs - pair), row, last_row - row,
                                 weights_.data() + of_thread * kWeights * weightsStride(),
                                 columns_.data() + of_thread * kColumns * columnsStride());
               });
}

template <typename Numbers>
template <typename Product>
void StrassenForm<Numbers>::multiplyPairs(int64_t outputs, const Operand* values, const Weight* panels, const Product& product,
                                          int64_t pair, int64_t width, int64_t row, int64_t count, Operand* weights, Sum* columns) const {
  const int64_t depth = chunk_ / 2, panel = depth * kNr, next_panel = inputs_ * kNr, of_sums = inputs_ / 2;
  const int64_t left = pair * kNr, right = outputs / 2 + left;
  const int64_t lower = std::clamp<int64_t>(rows_ - half_ - row, 0, count);  // rows of the block in the lower half
  const int64_t at_once = product.panels(), weights_stride = weightsStride();
  const auto column = [&](Columns i) { return columns + i * columnsStride(); };
  Sum *u = column(kU), *p5 = column(kP5);
  const Quarter c11{count, row, left, column(kC11)}, c12{count, row, right, column(kC12)};
  const Quarter c21{lower, half_ + row, left, column(kC21)}, c22{lower, half_ + row, right, column(kC22)};

  for (int64_t k = 0; k < inputs_; k += chunk_) {
    const Weight* of_left = panels + left * inputs_ + k * kNr;
    const Weight* of_right = panels + right * inputs_ + k * kNr;
    for (int64_t p = 0; p < width; ++p)
      sumWeights(panel, of_left + p * next_panel, of_right + p * next_panel, weights + p * panel, weights_stride);
    // to = start (null: 0) + a, `a_stride` for each row, x b. Stores of quarters that are done go between products, which do not wait for
    // them.
    const auto multiply = [&](int64_t rows, const Operand* a, int64_t a_stride, const Operand* b, int64_t b_stride, const Sum* start,
                              Sum* to, std::initializer_list<Quarter> done = {}) {
      forTiles((rows + kTogether - 1) / kTogether * kTogether, product.tileRows(), [&](int64_t r, int64_t tile) {
        for (int64_t p = 0; p < width; p += at_once) {
          const int64_t together = std::min(at_once, width - p), at = (p * count + r * together) * kNr;
          product.multiply(tile, together, depth, a + r * a_stride, a_stride, b + p * b_stride, b_stride, start ? start + at : nullptr,
                           to + at);
          if (k + chunk_ < inputs_) continue;
          for (const Quarter& quarter : done)
            product.finish(std::min(tile, quarter.rows - r), together, quarter.sums + at, quarter.row + r, quarter.column + p * kNr);
        }
      });
    };
    const Operand *b11 = weights + kB11 * weights_stride, *b21 = weights + kB21 * weights_stride, *b22 = weights + kB22 * weights_stride;
    int64_t b_stride = panel;
    if constexpr (Numbers::kAsPacked) b11 = of_left, b21 = of_left + panel, b22 = of_right + panel, b_stride = next_panel;
    const auto t = [&](Weights i) { return weights + i * weights_stride; };
    const Operand* a11 = values + row * inputs_ + k * kTogether;
    const Operand* a12 = a11 + depth * kTogether;
    const Operand* a22 = a12 + half_ * inputs_;
    const auto s = [&](int64_t i) { return sums_.data() + ((i - 1) * half_ + row) * of_sums + k / 2 * kTogether; };
    const auto add = [&](const Sum* a, const Sum* b, const Quarter& to) { addColumns(width * count * kNr, a, b, k > 0, to.sums); };
    // Returns what a quarter's sums go on from: `from`, and what is there of chunks before.
    const auto after = [&](const Sum* from, const Quarter& quarter) -> const Sum* {
      if (k > 0) add(from, nullptr, quarter);
      return k > 0 ? quarter.sums : from;
    };

    multiply(count, a11, inputs_, b11, b_stride, nullptr, u);                                // P1
    multiply(count, a12, inputs_, b21, b_stride, after(u, c11), c11.sums, {c11});            // U1 = P1 + P2
    multiply(count, s(1), of_sums, t(kT1), panel, nullptr, p5);                              // P5
    multiply(count, s(2), of_sums, t(kT2), panel, u, u);                                     // U2 = P1 + S2 T2
    add(u, p5, c12);                                                                         // U4 = U2 + P5
    multiply(count, s(4), of_sums, b22, b_stride, c12.sums, c12.sums, {c12});                // U5 = U4 + S4 B22
    multiply(count, s(3), of_sums, t(kT3), panel, u, u);                                     // U3 = U2 + S3 T3
    add(u, p5, c22);                                                                         // U7 = U3 + P5
    multiply(lower, a22, inputs_, t(kMinusT4), panel, after(u, c21), c21.sums, {c21, c22});  // U6 = U3 - A22 T4
  }
}

}  // namespace beit
