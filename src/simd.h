// Four floats at once, in the vector extensions that GCC and Clang share, so that the same kernels
// build natively (SSE or NEON) and to WebAssembly SIMD. Loads and stores need no alignment.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#endif

namespace beit {

typedef float F32x4 __attribute__((vector_size(16)));
typedef int32_t I32x4 __attribute__((vector_size(16)));

inline F32x4 load4(const float* from) {
  F32x4 value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

inline void store4(float* to, F32x4 value) { std::memcpy(to, &value, sizeof value); }

inline F32x4 splat4(float value) { return F32x4{value, value, value, value}; }

// Returns a * b + c: fused where the target has relaxed SIMD, else rounded twice.
inline F32x4 multiplyAdd(F32x4 a, F32x4 b, F32x4 c) {
#if defined(__wasm_relaxed_simd__)
  return (F32x4)wasm_f32x4_relaxed_madd((v128_t)a, (v128_t)b, (v128_t)c);
#else
  return a * b + c;
#endif
}

// Both return `a` where it is a NaN, so that a bad input shows in the output instead of vanishing.
inline F32x4 min4(F32x4 a, F32x4 b) {
#if defined(__wasm_simd128__)
  return (F32x4)wasm_f32x4_pmin((v128_t)a, (v128_t)b);
#else
  return b < a ? b : a;
#endif
}

inline F32x4 max4(F32x4 a, F32x4 b) {
#if defined(__wasm_simd128__)
  return (F32x4)wasm_f32x4_pmax((v128_t)a, (v128_t)b);
#else
  return a < b ? b : a;
#endif
}

inline float sum(F32x4 v) { return (v[0] + v[1]) + (v[2] + v[3]); }
inline float max(F32x4 v) {
  const float a = v[0] > v[1] ? v[0] : v[1], b = v[2] > v[3] ? v[2] : v[3];
  return a > b ? a : b;
}

}  // namespace beit
