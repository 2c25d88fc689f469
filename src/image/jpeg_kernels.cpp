#include "src/image/jpeg_kernels.h"

#include <cstring>

#include "src/image/sample_vectors.h"

namespace beit {
namespace {

using namespace samples;

// The constants of stb_image, rounded as there: a half is added to negative ones, too.
constexpr int fixed(float value) { return static_cast<int>(value * 4096 + 0.5); }
constexpr int kOne = 4096;
constexpr int kA = fixed(0.5411961f), kB = fixed(-1.847759065f), kC = fixed(0.765366865f), kE = fixed(1.175875602f);
constexpr int kF = fixed(0.298631336f), kG = fixed(2.053119869f), kH = fixed(3.072711026f), kI = fixed(1.501321110f);
constexpr int kJ = fixed(-0.899976223f), kK = fixed(-2.562915447f), kL = fixed(-1.961570560f), kM = fixed(-0.390180644f);

// What the odd inputs 1, 3, 5 and 7 weigh in the differences of outputs 0 and 7, 1 and 6, 2 and 5, 3 and 4.
constexpr int kOdd[4][4] = {{kI + kE + kJ + kM, kE, kE + kM, kE + kJ},
                            {kE, kH + kE + kK + kL, kE + kK, kE + kL},
                            {kE + kM, kE + kK, kG + kE + kK + kM, kE},
                            {kE + kJ, kE + kL, kE, kF + kE + kJ + kL}};

constexpr int kColumnShift = 10, kRowShift = 17;
constexpr int32_t kColumnBias = 1 << (kColumnShift - 1), kRowBias = (1 << (kRowShift - 1)) + (128 << kRowShift);

// Eight elements of 32 bits, and pairs of 16 that make them.
struct Wide {
  I32x4 low, high;
};
Wide operator+(Wide a, Wide b) { return {a.low + b.low, a.high + b.high}; }
Wide operator-(Wide a, Wide b) { return {a.low - b.low, a.high - b.high}; }

struct Pairs {
  Pairs(I16x8 a, I16x8 b) : low(zipLow(a, b)), high(zipHigh(a, b)) {}
  Wide dot(int a, int b) const {
    const auto x = static_cast<int16_t>(a), y = static_cast<int16_t>(b);
    const I16x8 factors{x, y, x, y, x, y, x, y};
    return {dotPairs(low, factors), dotPairs(high, factors)};
  }
  I16x8 low, high;
};

template <int kShift>
I16x8 scaled(Wide v) {
  return narrow(v.low >> kShift, v.high >> kShift);
}

// The transform of eight columns at once: v[i] has input i, and then output i, of each.
template <int kShift>
void transform(I16x8 (&v)[8], int32_t bias) {
  const Pairs ends(v[0], v[4]), middle(v[2], v[6]), low(v[1], v[3]), high(v[5], v[7]);
  const I32x4 each{bias, bias, bias, bias};
  const Wide sum = ends.dot(kOne, kOne) + Wide{each, each}, difference = ends.dot(kOne, -kOne) + Wide{each, each};
  const Wide outer = middle.dot(kA + kC, kA), inner = middle.dot(kA, kA + kB);
  const Wide even[4] = {sum + outer, difference + inner, difference - inner, sum - outer};
  for (int i = 0; i < 4; ++i) {
    const Wide odd = low.dot(kOdd[i][0], kOdd[i][1]) + high.dot(kOdd[i][2], kOdd[i][3]);
    v[i] = scaled<kShift>(even[i] + odd);
    v[7 - i] = scaled<kShift>(even[i] - odd);
  }
}

template <typename Vector>
void zip(Vector& a, Vector& b) {
  const Vector low = zipLow(a, b);
  b = zipHigh(a, b);
  a = low;
}

void transpose(I16x8 (&v)[8]) {
  for (int i = 0; i < 4; ++i) zip(v[i], v[i + 4]);
  for (int i = 0; i < 8; i += 4) {
    zip(v[i], v[i + 2]);
    zip(v[i + 1], v[i + 3]);
  }
  for (int i = 0; i < 8; i += 2) zip(v[i], v[i + 1]);
}

// Stores two rows of eight samples.
void storeRows(U8x16 rows, uint8_t* to, int64_t stride) {
  store(to, __builtin_shufflevector(rows, rows, 0, 1, 2, 3, 4, 5, 6, 7));
  store(to + stride, __builtin_shufflevector(rows, rows, 8, 9, 10, 11, 12, 13, 14, 15));
}

uint8_t clamped(int32_t value) { return static_cast<uint8_t>(std::clamp(value, 0, 255)); }

// Eight values in the order of `step`, for the few blocks that 16 bits between the passes do not hold. Sums wrap.
void transformWide(int32_t* at, int step, int shift, uint32_t bias) {
  const auto in = [&](int i) { return static_cast<uint32_t>(at[i * step]); };
  const auto times = [](uint32_t value, int factor) { return value * static_cast<uint32_t>(factor); };
  const uint32_t sum = times(in(0) + in(4), kOne) + bias, difference = times(in(0) - in(4), kOne) + bias;
  const uint32_t outer = times(in(2), kA + kC) + times(in(6), kA), inner = times(in(2), kA) + times(in(6), kA + kB);
  const uint32_t even[4] = {sum + outer, difference + inner, difference - inner, sum - outer};
  uint32_t odd[4];
  for (int i = 0; i < 4; ++i) {
    odd[i] = times(in(1), kOdd[i][0]) + times(in(3), kOdd[i][1]) + times(in(5), kOdd[i][2]) + times(in(7), kOdd[i][3]);
  }
  for (int i = 0; i < 4; ++i) {
    at[i * step] = static_cast<int32_t>(even[i] + odd[i]) >> shift;
    at[(7 - i) * step] = static_cast<int32_t>(even[i] - odd[i]) >> shift;
  }
}

void inverseTransformWide(const int16_t* coefficients, uint8_t* out, int64_t stride) {
  int32_t values[64];
  std::copy_n(coefficients, 64, values);
  for (int x = 0; x < 8; ++x) transformWide(values + x, 8, kColumnShift, kColumnBias);
  for (int y = 0; y < 8; ++y, out += stride) {
    transformWide(values + 8 * y, 1, kRowShift, kRowBias);
    std::transform(values + 8 * y, values + 8 * y + 8, out, clamped);
  }
}

// 1.402, 0.71414, 0.34414 and 1.772.
constexpr int kCrToR = 5743, kCrToG = 2925, kCbToG = 1410, kCbToB = 7258;

// What is added to Y for green, with eight fraction bits cut off the part of Cb.
I16x8 greenOf(I16x8 cb, I16x8 cr) {
  // -1410 / 256 = -6 + 63 / 128, so that products have 16 bits.
  static_assert(kCbToG == 6 * 256 - 2 * 63);
  const I16x8 part = ((cb * splat(63)) >> 7) - cb * splat(6);
  const Pairs pairs(cr, part);
  const I32x4 half{2048, 2048, 2048, 2048};
  const Wide sum = pairs.dot(-kCrToG, 256) + Wide{half, half};
  return scaled<12>(sum);
}

void colorPixel(int y, int cb, int cr, uint8_t* out) {
  const int luma = (y << 12) + 2048;
  out[0] = clamped((luma + cr * kCrToR) >> 12);
  out[1] = clamped((luma - cr * kCrToG + (cb * -kCbToG & ~255)) >> 12);
  out[2] = clamped((luma + cb * kCbToB) >> 12);
}

template <bool kAcrossRows>
void upsample(const uint8_t* near, const uint8_t* far, int64_t count, uint8_t* out) {
  // Sums of 4 times a sample across rows, or the sample; then across columns, of 4 times that.
  constexpr int kShift = kAcrossRows ? 4 : 2, kHalf = kAcrossRows ? 8 : 2, kEnds = kAcrossRows ? 2 : 0;
  const auto sum = [&](int64_t i) { return kAcrossRows ? 3 * near[i] + far[i] : +near[i]; };
  const auto wide = [&](int64_t i) { return kAcrossRows ? widen(near + i) * splat(3) + widen(far + i) : widen(near + i); };
  const auto between = [](int mostly, int other) { return static_cast<uint8_t>((3 * mostly + other + kHalf) >> kShift); };
  const int64_t last = count - 1;
  out[0] = static_cast<uint8_t>((sum(0) + kEnds) >> kEnds);
  out[2 * last + 1] = static_cast<uint8_t>((sum(last) + kEnds) >> kEnds);
  if (last == 0) return;
  out[1] = between(sum(0), sum(1));
  int64_t i = 1;
  for (; i + 8 < count; i += 8) {
    const I16x8 middle = wide(i) * splat(3) + splat(kHalf);
    const I16x8 left = (middle + wide(i - 1)) >> kShift, right = (middle + wide(i + 1)) >> kShift;
    store(out + 2 * i, narrow(zipLow(left, right), zipHigh(left, right)));
  }
  for (; i < last; ++i) {
    out[2 * i] = between(sum(i), sum(i - 1));
    out[2 * i + 1] = between(sum(i), sum(i + 1));
  }
  out[2 * last] = between(sum(last), sum(last - 1));
}

}  // namespace

void inverseTransform(const int16_t* coefficients, uint8_t* out, int64_t stride) {
  I16x8 v[8];
  for (int i = 0; i < 8; ++i) v[i] = load<I16x8>(coefficients + 8 * i);
  transform<kColumnShift>(v, kColumnBias);
  I16x8 least = v[0], most = v[0];
  for (int i = 1; i < 8; ++i) {
    least = min(least, v[i]);
    most = max(most, v[i]);
  }
  if (any((I16x8)(least == splat(INT16_MIN)) | (I16x8)(most == splat(INT16_MAX)))) return inverseTransformWide(coefficients, out, stride);
  transpose(v);
  transform<kRowShift>(v, kRowBias);
  U8x16 p[4];
  for (int i = 0; i < 4; ++i) p[i] = narrow(v[2 * i], v[2 * i + 1]);
  zip(p[0], p[2]);
  zip(p[1], p[3]);
  zip(p[0], p[1]);
  zip(p[2], p[3]);
  zip(p[0], p[2]);
  zip(p[1], p[3]);
  storeRows(p[0], out, stride);
  storeRows(p[2], out + 2 * stride, stride);
  storeRows(p[1], out + 4 * stride, stride);
  storeRows(p[3], out + 6 * stride, stride);
}

void inverseTransformFlat(int16_t first, uint8_t* out, int64_t stride) {
  const uint8_t sample = clamped((first * (4 * kOne) + kRowBias) >> kRowShift);
  for (int y = 0; y < 8; ++y, out += stride) std::memset(out, sample, 8);
}

void upsampleRow(const uint8_t* near, const uint8_t* far, int64_t count, uint8_t* out) {
  if (far) upsample<true>(near, far, count, out);
  else upsample<false>(near, near, count, out);
}

void colorRow(const uint8_t* y, const uint8_t* cb, const uint8_t* cr, int64_t count, uint8_t* out) {
  int64_t i = 0;
  for (; i + 16 <= count; i += 16, out += 48) {
    I16x8 rgb[2][3];
    for (int half = 0; half < 2; ++half) {
      const int64_t at = i + 8 * half;
      const I16x8 luma = widen(y + at), blue = widen(cb + at) - splat(128), red = widen(cr + at) - splat(128);
      rgb[half][0] = luma + multiplyRounded(red << 3, kCrToR);
      rgb[half][1] = luma + greenOf(blue, red);
      rgb[half][2] = luma + multiplyRounded(blue << 3, kCbToB);
    }
    storePixels(out, narrow(rgb[0][0], rgb[1][0]), narrow(rgb[0][1], rgb[1][1]), narrow(rgb[0][2], rgb[1][2]));
  }
  for (; i < count; ++i, out += 3) colorPixel(y[i], cb[i] - 128, cr[i] - 128, out);
}

}  // namespace beit
