// exp, erf, tanh and the logistic function for four floats. Coefficients are weighted least-squares
// (Lawson) fits made for this project; the errors named below were measured in float32 over the
// whole range against double precision (tests/vector_math_test.cpp repeats the measurement).
#pragma once

#include <array>

#include "src/kernels/simd.h"

namespace beit {

// Constants that stay in memory. Compilers of WebAssembly would have each as a constant vector, which engines make anew
// wherever it is used, by way of general registers: Node 24 does 0.6 exp4 and 0.45 gelu a nanosecond so, and 1.4 and 0.95 with these.
template <size_t kCount>
class VectorConstants {
 public:
  explicit constexpr VectorConstants(const float (&values)[kCount]) : values_(std::to_array(values)) {}
  F32x4 operator[](size_t i) const { return splat4(hidden()[i]); }

 private:
  // Where these are is not to be known to the compiler.
  const float* hidden() const {
    const float* at = values_.data();
    asm("" : "+r"(at));
    return at;
  }
  std::array<float, kCount> values_;
};

// Returns e^x within 2e-7 of its value for x in [-87, 88]; below it returns at most 2e-38, above it
// saturates at 1.6e38. NaN stays NaN.
inline F32x4 exp4(F32x4 x) {
  // x = n ln 2 + r with |r| <= ln 2 / 2; adding 1.5 * 2^23 rounds to an integer whose bits
  // are then the low bits of the sum. ln 2 comes in two parts, so that r keeps its last bits.
  static constexpr VectorConstants c({12582912.0f, 88.0f, -87.0f, 1.44269504f, -6.93145752e-1f, -1.42860677e-6f, 1.381453790e-3f,
                                      8.368745320e-3f, 4.166839083e-2f, 1.666652040e-1f, 4.999999343e-1f, 1.0f});
  const F32x4 rounder = c[0], one = c[11];
  x = max4(min4(x, c[1]), c[2]);
  const F32x4 biased = multiplyAdd(x, c[3], rounder);
  const F32x4 n = biased - rounder;
  F32x4 r = multiplyAdd(n, c[4], x);
  r = multiplyAdd(n, c[5], r);
  F32x4 p = multiplyAdd(c[6], r, c[7]);
  p = multiplyAdd(p, r, c[8]);
  p = multiplyAdd(p, r, c[9]);
  p = multiplyAdd(p, r, c[10]);
  p = multiplyAdd(p, r * r, r + one);
  // 2^n from its bits, unsigned, since a NaN's may be any. A product, not a sum of bits: only so does every NaN stay one.
  return p * (F32x4)(((U32x4)biased << 23) + (U32x4)one);
}

// Returns erf(x) within 4e-7. NaN stays NaN.
inline F32x4 erf4(F32x4 x) {
  // x P(x^2) / Q(x^2) up to 4, where the fit is 1 + 2e-7: the last line makes it exactly 1, as erf is
  // from there on, so that gelu of large negative values is 0.
  static constexpr VectorConstants c({4.0f, -4.0f, 1.0f, -1.0f, 2.050363829e-6f, 2.874425535e-4f, 3.836514161e-3f, 5.296581217e-2f,
                                      1.919334447e-1f, 1.128379033f, 3.822972170e-5f, 1.181633733e-3f, 1.510849719e-2f, 1.147549735e-1f,
                                      5.034283696e-1f});
  x = max4(min4(x, c[0]), c[1]);
  const F32x4 t = x * x, one = c[2];
  F32x4 p = multiplyAdd(c[4], t, c[5]);
  p = multiplyAdd(p, t, c[6]);
  p = multiplyAdd(p, t, c[7]);
  p = multiplyAdd(p, t, c[8]);
  p = multiplyAdd(p, t, c[9]);
  F32x4 q = multiplyAdd(c[10], t, c[11]);
  q = multiplyAdd(q, t, c[12]);
  q = multiplyAdd(q, t, c[13]);
  q = multiplyAdd(q, t, c[14]);
  q = multiplyAdd(q, t, one);
  const F32x4 y = x * p / q;
  return max4(min4(y, one), c[3]);
}

// Returns 1 / (1 + e^-x) within 2e-7.
inline F32x4 sigmoid4(F32x4 x) { return splat4(1.0f) / (splat4(1.0f) + exp4(-x)); }

// Returns tanh(x) within 4e-7.
inline F32x4 tanh4(F32x4 x) { return splat4(1.0f) - splat4(2.0f) / (splat4(1.0f) + exp4(x + x)); }

}  // namespace beit
