// Vectors of samples, in the extensions that GCC and Clang share, as kernels/simd.h has those of floats: what JPEG's
// transforms and resizing are made of. Loads and stores need no alignment.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#endif

#include "src/base/integer_vectors.h"

namespace beit::samples {

typedef uint8_t U8x8 __attribute__((vector_size(8)));
typedef uint8_t U8x16 __attribute__((vector_size(16)));

template <typename Vector>
Vector load(const void* from) {
  Vector value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <typename Vector>
void store(void* to, Vector value) {
  std::memcpy(to, &value, sizeof value);
}

inline I16x8 splat(int value) {
  const auto v = static_cast<int16_t>(value);
  return I16x8{v, v, v, v, v, v, v, v};
}

// Eight samples.
inline I16x8 widen(const uint8_t* from) {
#if defined(__wasm_simd128__)
  return (I16x8)wasm_u16x8_load8x8(from);
#else
  return __builtin_convertvector(load<U8x8>(from), I16x8);
#endif
}

// Four samples.
inline I32x4 widen4(const uint8_t* from) {
  typedef uint8_t U8x4 __attribute__((vector_size(4)));
  return __builtin_convertvector(load<U8x4>(from), I32x4);
}

// The samples of two pixels in turn, of 16 bytes that begin with them, or with two others before.
template <int kChannels, int kFirst>
I16x8 pairOfPixels(U8x16 pixels) {
  constexpr int n = kChannels, a = kFirst * n, b = a + n, c3 = n == 4 ? a + 3 : a, d3 = n == 4 ? b + 3 : b;  // of 3, what nobody looks at
#if defined(__wasm_simd128__)
  constexpr uint8_t x = 0x80;  // none: zero
  return (I16x8)wasm_i8x16_swizzle((v128_t)pixels, wasm_u8x16_const(a, x, b, x, a + 1, x, b + 1, x, a + 2, x, b + 2, x, c3, x, d3, x));
#else
  const U8x16 zero{};
  return (I16x8)__builtin_shufflevector(pixels, zero, a, 16, b, 16, a + 1, 16, b + 1, 16, a + 2, 16, b + 2, 16, c3, 16, d3, 16);
#endif
}
template <int kChannels>
I16x8 firstPair(U8x16 pixels) {
  return pairOfPixels<kChannels, 0>(pixels);
}
template <int kChannels>
I16x8 secondPair(U8x16 pixels) {
  return pairOfPixels<kChannels, 2>(pixels);
}

// Values that do not fit become the nearest that does, as in the next one.
inline I16x8 narrow(I32x4 low, I32x4 high) {
#if defined(__wasm_simd128__)
  return (I16x8)wasm_i16x8_narrow_i32x4((v128_t)low, (v128_t)high);
#else
  I16x8 values;
  for (int i = 0; i < 4; ++i) {
    values[i] = static_cast<int16_t>(std::clamp<int32_t>(low[i], INT16_MIN, INT16_MAX));
    values[4 + i] = static_cast<int16_t>(std::clamp<int32_t>(high[i], INT16_MIN, INT16_MAX));
  }
  return values;
#endif
}

inline U8x16 narrow(I16x8 low, I16x8 high) {
#if defined(__wasm_simd128__)
  return (U8x16)wasm_u8x16_narrow_i16x8((v128_t)low, (v128_t)high);
#else
  U8x16 values;
  for (int i = 0; i < 8; ++i) {
    values[i] = static_cast<uint8_t>(std::clamp<int>(low[i], 0, 255));
    values[8 + i] = static_cast<uint8_t>(std::clamp<int>(high[i], 0, 255));
  }
  return values;
#endif
}

// (a * b + 2^14) / 2^15, rounded down.
inline I16x8 multiplyRounded(I16x8 a, int b) {
#if defined(__wasm_simd128__)
  return (I16x8)wasm_i16x8_q15mulr_sat((v128_t)a, wasm_i16x8_splat(static_cast<int16_t>(b)));
#else
  I16x8 values;
  for (int i = 0; i < 8; ++i) values[i] = static_cast<int16_t>((a[i] * b + (1 << 14)) >> 15);
  return values;
#endif
}

inline I16x8 max(I16x8 a, I16x8 b) {
#if defined(__wasm_simd128__)
  return (I16x8)wasm_i16x8_max((v128_t)a, (v128_t)b);
#else
  return a > b ? a : b;
#endif
}

inline I16x8 min(I16x8 a, I16x8 b) {
#if defined(__wasm_simd128__)
  return (I16x8)wasm_i16x8_min((v128_t)a, (v128_t)b);
#else
  return a < b ? a : b;
#endif
}

// Whether any element is not zero.
inline bool any(I16x8 v) {
#if defined(__wasm_simd128__)
  return wasm_v128_any_true((v128_t)v);
#else
  const auto halves = (I32x4)v;
  return (halves[0] | halves[1] | halves[2] | halves[3]) != 0;
#endif
}

// The elements of both in turn: those of the lower and those of the upper halves.
inline I16x8 zipLow(I16x8 a, I16x8 b) { return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
inline I16x8 zipHigh(I16x8 a, I16x8 b) { return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15); }
inline U8x16 zipLow(U8x16 a, U8x16 b) { return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23); }
inline U8x16 zipHigh(U8x16 a, U8x16 b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

// 16 pixels of three samples, of a vector for each channel.
inline void storePixels(uint8_t* to, U8x16 r, U8x16 g, U8x16 b) {
  constexpr int x = 0;  // what the next step replaces
  const U8x16 rg0 = __builtin_shufflevector(r, g, 0, 16, x, 1, 17, x, 2, 18, x, 3, 19, x, 4, 20, x, 5);
  const U8x16 rg1 = __builtin_shufflevector(r, g, 21, x, 6, 22, x, 7, 23, x, 8, 24, x, 9, 25, x, 10, 26);
  const U8x16 rg2 = __builtin_shufflevector(r, g, x, 11, 27, x, 12, 28, x, 13, 29, x, 14, 30, x, 15, 31, x);
  store(to, __builtin_shufflevector(rg0, b, 0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15));
  store(to + 16, __builtin_shufflevector(rg1, b, 0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15));
  store(to + 32, __builtin_shufflevector(rg2, b, 26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31));
}

}  // namespace beit::samples
