// Strassen's way (strassen.h) with the integers of W8A16: an eighth less work for the same sums, to the last bit, since what is added and
// taken away again are integers. They wrap at 32 bits on their way; the products that they end as fit.
//
// Sums of up to four activations take 16 bits, so that an activation has 13 bits and a sign at most. Weights stay as W8A16Matrix has them:
// where a plain product widens a panel, this one makes its sums.
#pragma once

#include <cstdint>

#include "src/base/buffer.h"
#include "src/base/result.h"
#include "src/kernels/execution.h"
#include "src/kernels/gemm/w8a16.h"

namespace beit {

class QuantizedStrassenRows {
 public:
  QuantizedStrassenRows() = default;

  // Whether this is the faster way for so many rows and matrices of that size.
  static bool suits(int64_t rows, int64_t inputs, int64_t outputs);

  // Returns the largest magnitude that the integers of rows may have: 8191, or activationLimit(inputs).
  static int32_t activationLimit(int64_t inputs);

  // Makes the sums of rows that have been quantised up to activationLimit(), for matrices that it suits(). Error: kOutOfMemory.
  static Result<QuantizedStrassenRows> make(const Execution& execution, const W8A16Rows& rows);

  bool empty() const { return half_ == 0; }

  // output (rows, outputs) = rows x W^T + b, dense, of the same rows and a matrix of as many inputs that it suits(): what
  // W8A16Matrix::multiply() gives. One product at a time: threads have one room each.
  void multiply(const Execution& execution, const W8A16Rows& rows, const W8A16Matrix& matrix, float* output) const;

 private:
  // Pairs of panels, an output's and its counterpart's in the right half, `width` in a row (at most kMostPanels), for rows
  // row to row + count of the upper half and their counterparts.
  void multiplyPairs(const Microkernels& kernels, const W8A16Rows& rows, const W8A16Matrix& matrix, int64_t pair, int64_t width,
                     int64_t row, int64_t count, int16_t* weights, int32_t* columns, float* output) const;

  int64_t half_ = 0;      // rows of the upper half, whole tiles; the lower one may have fewer
  int64_t chunk_ = 0;     // inputs that are halved together: a row is chunks of (left half, right half)
  Buffer<int16_t> sums_;  // Winograd's S1 to S4, each (half_, inputs / 2), tile by tile
  // For each thread, kMostPanels times: seven panels of half a chunk, and six columns of `half_` rows of 8.
  mutable Buffer<int16_t> weights_;
  mutable Buffer<int32_t> columns_;
};

}  // namespace beit
