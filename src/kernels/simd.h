// Vectors of 16 bytes, in the extensions that GCC and Clang share, so that the same kernels build
// natively (SSE or NEON) and to WebAssembly SIMD. Loads and stores need no alignment.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#endif

#include "src/base/integer_vectors.h"

namespace beit {

typedef float F32x4 __attribute__((vector_size(16)));

inline F32x4 load4(const float* from) {
  F32x4 value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

inline void store4(float* to, F32x4 value) { std::memcpy(to, &value, sizeof value); }

// Returns `pointer`, from which two vectors in a row are to be loaded or stored, in that order among all accesses. V8 can join such
// pairs into vectors of 32 bytes (--wasm-revectorize): only where one address differs from the other by its constant offset
// alone, which compilers see to for all offsets but 64 unless they are kept from knowing more, and where no store is between.
// For a single access too, it keeps an address that is computed from becoming a pointer and a constant offset.
template <typename T>
[[gnu::always_inline]] inline T* adjacentFrom(T* pointer) {
#if defined(__wasm_simd128__)
  __asm__ volatile("" : "+r"(pointer)::"memory");
#endif
  return pointer;
}

// Stores value(i), four floats, at to + i for all whole vectors of `count`: two at a time, so that one does not wait for the other's chain
// of sums, and V8 can join them. What value() loads it may store to, at the same place. Returns the floats that are stored.
template <typename Value>
[[gnu::always_inline]] inline int64_t storeVectors(int64_t count, float* to, const Value& value) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const F32x4 first = value(i), second = value(i + 4);
    float* at = adjacentFrom(to + i);
    store4(at, first);
    store4(at + 4, second);
  }
  if (i + 4 <= count) {
    store4(to + i, value(i));
    i += 4;
  }
  return i;
}

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

// Turns four rows into four columns.
inline void transpose4(F32x4& a, F32x4& b, F32x4& c, F32x4& d) {
  const F32x4 ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const F32x4 cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  a = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
  b = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
  c = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
  d = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}

inline F32x4 toFloats(I32x4 v) { return __builtin_convertvector(v, F32x4); }

inline I16x8 load8(const int16_t* from) {
  I16x8 value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

inline I32x4 loadIntegers4(const int32_t* from) {
  I32x4 value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// Eight 8-bit values, widened.
inline I16x8 loadWidened8(const int8_t* from) {
#if defined(__wasm_simd128__)
  return (I16x8)wasm_i16x8_load8x8(from);
#else
  I16x8 values;
  for (int i = 0; i < 8; ++i) values[i] = from[i];
  return values;
#endif
}

// Sixteen bytes, signed or not as who takes them says; held as four elements of 32 bits.
typedef I32x4 I8x16;

inline I8x16 loadBytes(const int8_t* from) {
  I8x16 value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// The four bytes at `from`, four times.
inline I8x16 splatQuad(const uint8_t* from) {
  int32_t quad;
  std::memcpy(&quad, from, sizeof quad);
  return I8x16{quad, quad, quad, quad};
}

// Returns sum + the products of each four signed bytes `a` and unsigned ones `b`. With relaxed SIMD only where
// byteDot() says what the engine makes of it.
inline I32x4 dotQuads(I8x16 a, I8x16 b, I32x4 sum) {
#if defined(__wasm_relaxed_simd__)
  return (I32x4)wasm_i32x4_relaxed_dot_i8x16_i7x16_add((v128_t)a, (v128_t)b, (v128_t)sum);
#else
  for (int i = 0; i < 4; ++i)
    for (int shift = 0; shift < 32; shift += 8)
      sum[i] += static_cast<int8_t>(static_cast<uint32_t>(a[i]) >> shift) * static_cast<uint8_t>(static_cast<uint32_t>(b[i]) >> shift);
  return sum;
#endif
}

// Narrows values that fit, as does the next one.
inline I16x8 narrow(I32x4 low, I32x4 high) {
#if defined(__wasm_simd128__)
  return (I16x8)wasm_i16x8_narrow_i32x4((v128_t)low, (v128_t)high);
#else
  I16x8 values;
  for (int i = 0; i < 4; ++i) {
    values[i] = static_cast<int16_t>(low[i]);
    values[4 + i] = static_cast<int16_t>(high[i]);
  }
  return values;
#endif
}

inline void storeNarrowed16(int8_t* to, I16x8 low, I16x8 high) {
#if defined(__wasm_simd128__)
  wasm_v128_store(to, wasm_i8x16_narrow_i16x8((v128_t)low, (v128_t)high));
#else
  for (int i = 0; i < 8; ++i) {
    to[i] = static_cast<int8_t>(low[i]);
    to[8 + i] = static_cast<int8_t>(high[i]);
  }
#endif
}

inline float reduceAdd(F32x4 v) { return (v[0] + v[1]) + (v[2] + v[3]); }
inline float reduceMax(F32x4 v) {
  const float a = v[0] > v[1] ? v[0] : v[1], b = v[2] > v[3] ? v[2] : v[3];
  return a > b ? a : b;
}

}  // namespace beit
