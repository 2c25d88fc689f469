// Which input samples, with what weights, make each output sample of one axis.
// Reference: Pillow src/libImaging/Resample.c, precompute_coeffs and normalize_coeffs_8bpc.
#pragma once

#include <cstdint>

#include "src/base/buffer.h"
#include "src/base/result.h"

namespace beit {

// The numbers are the reference's, as configs carry them (PIL.Image.Resampling).
enum class Resample { kNearest = 0, kLanczos = 1, kBilinear = 2, kBicubic = 3, kBox = 4, kHamming = 5 };

// Fraction bits of a weight. 8 bits of a sample and the sign bit leave 23 of 32; the reference
// keeps one of them for weights whose magnitudes add up to more than 1.
constexpr int kResampleFractionBits = 22;

struct ResampleTaps {
  int64_t first = 0;                 // the first input sample
  int64_t count = 0;                 // at least 1
  const int32_t* weights = nullptr;  // one for each, in 1 / 2^kResampleFractionBits
};

class ResampleWeights {
 public:
  // Returns the windows of an axis of `in` samples resized to `out`, both 1 to kMaxImageSide, or
  // kOutOfMemory. Not for kNearest, which weighs nothing. Mirrored: those of samples that come from the axis' end,
  // which is not the same, since the numbers are rounded.
  static Result<ResampleWeights> make(int64_t in, int64_t out, Resample filter, bool mirrored = false);

  ResampleTaps operator[](int64_t i) const;
  int64_t size() const { return size_; }
  // The most samples of a window.
  int64_t longest() const { return stride_; }

 private:
  struct Bounds {
    int32_t first, count;
  };

  int64_t size_ = 0;
  int64_t stride_ = 0;  // weights kept for each window
  Buffer<Bounds> bounds_;
  Buffer<int32_t> weights_;
};

}  // namespace beit
