// exp, erf, tanh and the logistic function for four floats. Coefficients are weighted least-squares
// (Lawson) fits made for this project; the errors named below were measured in float32 over the
// whole range against double precision (tests/vector_math_test.cpp repeats the measurement).
#pragma once

#include "src/simd.h"

namespace beit {

// Returns e^x within 2e-7 of its value for x in [-87, 88]; below it returns at most 2e-38, above it
// saturates at 1.6e38. NaN stays NaN.
inline F32x4 exp4(F32x4 x) {
  // x = n ln 2 + r with |r| <= ln 2 / 2; adding 1.5 * 2^23 rounds to a whole number whose bits
  // are then the low bits of the sum. ln 2 comes in two parts, so that r keeps its last bits.
  const F32x4 rounder = splat4(12582912.0f);
  x = max4(min4(x, splat4(88.0f)), splat4(-87.0f));
  const F32x4 biased = multiplyAdd(x, splat4(1.44269504f), rounder);
  const F32x4 n = biased - rounder;
  F32x4 r = multiplyAdd(n, splat4(-6.93145752e-1f), x);
  r = multiplyAdd(n, splat4(-1.42860677e-6f), r);
  F32x4 p = splat4(1.381453790e-3f);
  p = multiplyAdd(p, r, splat4(8.368745320e-3f));
  p = multiplyAdd(p, r, splat4(4.166839083e-2f));
  p = multiplyAdd(p, r, splat4(1.666652040e-1f));
  p = multiplyAdd(p, r, splat4(4.999999343e-1f));
  p = multiplyAdd(p, r * r, r + splat4(1.0f));
  // 2^n from its bits. A product, not a sum of bits: only so does every NaN stay one.
  const I32x4 one{0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000};
  return p * (F32x4)(((I32x4)biased << 23) + one);
}

// Returns erf(x) within 4e-7. NaN stays NaN.
inline F32x4 erf4(F32x4 x) {
  // x P(x^2) / Q(x^2) up to 4, where the fit is 1 + 2e-7: the last line makes it exactly 1, as erf is
  // from there on, so that gelu of large negative values is 0.
  x = max4(min4(x, splat4(4.0f)), splat4(-4.0f));
  const F32x4 t = x * x;
  F32x4 p = splat4(2.050363829e-6f);
  p = multiplyAdd(p, t, splat4(2.874425535e-4f));
  p = multiplyAdd(p, t, splat4(3.836514161e-3f));
  p = multiplyAdd(p, t, splat4(5.296581217e-2f));
  p = multiplyAdd(p, t, splat4(1.919334447e-1f));
  p = multiplyAdd(p, t, splat4(1.128379033f));
  F32x4 q = splat4(3.822972170e-5f);
  q = multiplyAdd(q, t, splat4(1.181633733e-3f));
  q = multiplyAdd(q, t, splat4(1.510849719e-2f));
  q = multiplyAdd(q, t, splat4(1.147549735e-1f));
  q = multiplyAdd(q, t, splat4(5.034283696e-1f));
  q = multiplyAdd(q, t, splat4(1.0f));
  const F32x4 y = x * p / q;
  return max4(min4(y, splat4(1.0f)), splat4(-1.0f));
}

// Returns 1 / (1 + e^-x) within 2e-7.
inline F32x4 sigmoid4(F32x4 x) { return splat4(1.0f) / (splat4(1.0f) + exp4(-x)); }

// Returns tanh(x) within 4e-7.
inline F32x4 tanh4(F32x4 x) {
  return splat4(1.0f) - splat4(2.0f) / (splat4(1.0f) + exp4(x + x));
}

}  // namespace beit
