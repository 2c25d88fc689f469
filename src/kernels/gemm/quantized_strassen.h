// Strassen's way (strassen_form.h) with the integers of W8A16: an eighth less work for the same sums, to the last bit, since what is added
// and taken away again are integers. They wrap at 32 bits on their way; the products that they end as fit.
//
// Sums of up to four activations take 16 bits, so that an activation has 13 bits and a sign at most. Weights stay as W8A16Matrix has them:
// where a plain product widens a panel, this one makes its sums.
#pragma once

#include <cstdint>

#include "src/base/result.h"
#include "src/kernels/execution.h"
#include "src/kernels/gemm/strassen_form.h"
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

  bool empty() const { return form_.empty(); }

  // output (rows, outputs) = rows x W^T + b, dense, of the same rows and a matrix of as many inputs that it suits(): what
  // W8A16Matrix::multiply() gives. One product at a time: threads have one room each.
  void multiply(const Execution& execution, const W8A16Rows& rows, const W8A16Matrix& matrix, float* output) const;

 private:
  struct Integers {
    using Operand = int16_t;
    using Vector = I16x8;
    using Weight = int8_t;
    using Sum = int32_t;
    using SumVector = U32x4;  // which wraps
    static constexpr int64_t kRowsTogether = kMr;
    static constexpr bool kAsPacked = false;
    static I16x8 widen(const int8_t* from) { return loadWidened8(from); }
  };

  StrassenForm<Integers> form_;
};

}  // namespace beit
