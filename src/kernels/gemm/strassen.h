// Products x W^T + b of many rows with large matrices, with an eighth less work than plain ones: one level of
// Strassen's algorithm in Winograd's form (S. Winograd, "On multiplication of 2 x 2 matrices", Linear Algebra and
// its Applications 4, 1971). Rows, inputs and outputs are halved; 7 products of quarters and 15 sums of them
// stand for 8 products.
//
// Weights stay as PackedMatrix has them: their sums are made panel by panel, as the product goes along. Sums of
// results cost nothing, since a product begins where another one ended. Sums of the rows are made once for all
// matrices that they are multiplied with: that is this class.
//
// An output's error is a small multiple of that of a plain product, and depends on the largest values of the
// two rows and of the two columns that are added up, not on its own alone; so does what a NaN spreads to.
#pragma once

#include <cstdint>

#include "src/base/result.h"
#include "src/base/tensor.h"
#include "src/kernels/execution.h"
#include "src/kernels/gemm/f32.h"

namespace beit {

class StrassenRows {
 public:
  StrassenRows() = default;

  // Whether this is the faster way for so many rows and matrices of that size.
  static bool suits(int64_t rows, int64_t inputs, int64_t outputs);

  // Makes the sums of `rows` dense rows of `inputs` floats, for matrices that it suits(); `values` must stay as long as this.
  // Error: kOutOfMemory.
  static Result<StrassenRows> make(const Execution& execution, int64_t rows, int64_t inputs, const float* values);

  bool empty() const { return rows_ == 0; }

  // output (rows, outputs) = values x W^T + b, dense, for a matrix of as many inputs that it suits(). One product at a
  // time: threads have one room each.
  void multiply(const Execution& execution, const PackedMatrix& matrix, float* output) const;

 private:
  // The four sums, each a matrix of (half of the rows, half of the inputs): Winograd's S1 to S4.
  const float* sum(int64_t i) const { return sums_.data() + i * half_ * (inputs_ / 2); }
  // Pairs of panels, an output's and its counterpart's in the right half, `width` in a row (at most kMostPanels), for rows
  // row to row + count of the upper half and their counterparts.
  void multiplyPairs(const Microkernels& kernels, const PackedMatrix& matrix, int64_t pair, int64_t width, int64_t row, int64_t count,
                     float* room, float* output) const;

  int64_t rows_ = 0, inputs_ = 0;
  int64_t half_ = 0;   // rows of the upper half; the lower one may have one fewer
  int64_t chunk_ = 0;  // inputs that are halved together: a row of values is chunks of (left half, right half)
  const float* values_ = nullptr;
  FloatBuffer sums_;
  mutable FloatBuffer rooms_;  // for each thread, kMostPanels times: two panels of half a chunk, six columns of `half_` rows of 8
};

}  // namespace beit
