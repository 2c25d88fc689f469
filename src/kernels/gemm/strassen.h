// Products x W^T + b of many rows with large matrices of floats, with an eighth less work than plain ones, in Strassen's way: see
// strassen_form.h. Weights stay as PackedMatrix has them.
//
// An output's error is a small multiple of that of a plain product, and depends on the largest values of the
// two rows and of the two columns that are added up, not on its own alone. The two rows may be two images', so that
// rows with a NaN or an infinity are not for this way; one among the weights spreads to a second output.
#pragma once

#include <cstdint>

#include "src/base/result.h"
#include "src/base/tensor.h"
#include "src/kernels/execution.h"
#include "src/kernels/gemm/f32.h"
#include "src/kernels/gemm/strassen_form.h"

namespace beit {

class StrassenRows {
 public:
  StrassenRows() = default;

  // Whether this is the faster way for so many rows and matrices of that size.
  static bool suits(int64_t rows, int64_t inputs, int64_t outputs);

  // Makes the sums of `rows` dense rows of `inputs` floats, for matrices that it suits(); `values` must stay as long as this. Returns
  // empty() rows where one of the values is no number or infinite. Error: kOutOfMemory.
  static Result<StrassenRows> make(const Execution& execution, int64_t rows, int64_t inputs, const float* values);

  bool empty() const { return form_.empty(); }

  // output (rows, outputs) = values x W^T + b, dense, for a matrix of as many inputs that it suits(). One product at a
  // time: threads have one room each.
  void multiply(const Execution& execution, const PackedMatrix& matrix, float* output) const;

 private:
  struct Floats {
    using Operand = float;
    using Vector = F32x4;
    using Weight = float;
    using Sum = float;
    using SumVector = F32x4;
    static constexpr int64_t kRowsTogether = 1;
    static constexpr bool kAsPacked = true;
    static F32x4 widen(const float* from) { return load4(from); }
  };

  const float* values_ = nullptr;
  StrassenForm<Floats> form_;
};

}  // namespace beit
