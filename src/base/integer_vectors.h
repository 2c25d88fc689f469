// Vectors of 16 bytes of integers, in the extensions that GCC and Clang share: what kernels of products and of samples are made of.
// Loads need no alignment.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#endif

namespace beit {

typedef int32_t I32x4 __attribute__((vector_size(16)));
typedef uint32_t U32x4 __attribute__((vector_size(16)));
typedef int16_t I16x8 __attribute__((vector_size(16)));

// Sums modulo 2^32.
inline I32x4 addWrapping(I32x4 a, I32x4 b) { return (I32x4)((U32x4)a + (U32x4)b); }

// The two 16-bit values at `from` in each of the four pairs.
inline I16x8 splatPair(const int16_t* from) {
  int32_t pair;
  std::memcpy(&pair, from, sizeof pair);
  return (I16x8)I32x4{pair, pair, pair, pair};
}

// The sum of the two products of each pair. Exact unless all four factors are -32768.
inline I32x4 dotPairs(I16x8 a, I16x8 b) {
#if defined(__wasm_simd128__)
  return (I32x4)wasm_i32x4_dot_i16x8((v128_t)a, (v128_t)b);
#else
  I32x4 sums;
  for (int i = 0; i < 4; ++i) sums[i] = a[2 * i] * b[2 * i] + a[2 * i + 1] * b[2 * i + 1];
  return sums;
#endif
}

}  // namespace beit
