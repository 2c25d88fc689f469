#include "src/image/resample_weights.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace beit {
namespace {

constexpr double kPi = 3.14159265358979323846;

double box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

double bilinear(double x) {
  x = std::fabs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

double hamming(double x) {
  x = std::fabs(x);
  if (x == 0.0) return 1.0;
  if (x >= 1.0) return 0.0;
  x *= kPi;
  // The reference's constants are single precision, and its product is not.
  return std::sin(x) / x * (0.54f + 0.46f * std::cos(x));
}

double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= kPi;
  return std::sin(x) / x;
}

double lanczos(double x) { return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0; }

struct Kernel {
  double (*value)(double);
  double support;  // where it ends, in input samples
};

Kernel kernelOf(Resample filter) {
  switch (filter) {
    case Resample::kBox: return {box, 0.5};
    case Resample::kBilinear: return {bilinear, 1.0};
    case Resample::kHamming: return {hamming, 1.0};
    case Resample::kBicubic: return {bicubic, 2.0};
    case Resample::kLanczos: return {lanczos, 3.0};
    case Resample::kNearest: break;
  }
  assert(false && "nearest has no kernel");
  return {box, 0.5};
}

int32_t fixedPoint(double weight) {
  const double scaled = weight * (1 << kResampleFractionBits);
  return static_cast<int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

}  // namespace

Result<ResampleWeights> ResampleWeights::make(int64_t in, int64_t out, Resample filter, bool mirrored) {
  const Kernel kernel = kernelOf(filter);
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  // Antialiasing: a smaller image takes a wider kernel.
  const double filter_scale = std::max(scale, 1.0);
  const double support = kernel.support * filter_scale;
  const double inverse = 1.0 / filter_scale;

  ResampleWeights windows;
  windows.size_ = out;
  windows.stride_ = std::min(static_cast<int64_t>(std::ceil(support)) * 2 + 1, in);
  BEIT_ASSIGN(windows.bounds_, Buffer<Bounds>::allocate(out, "resize bounds"));
  BEIT_ASSIGN(windows.weights_, Buffer<int32_t>::allocate(out * windows.stride_, "resize weights"));
  BEIT_ASSIGN(Buffer<double> exact, Buffer<double>::allocate(windows.stride_, "resize weights"));

  for (int64_t i = 0; i < out; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const int64_t first = std::max<int64_t>(static_cast<int64_t>(center - support + 0.5), 0);
    const int64_t last = std::min(static_cast<int64_t>(center + support + 0.5), in);
    const auto count = static_cast<size_t>(last - first);
    double sum = 0.0;
    for (size_t k = 0; k < count; ++k) {
      exact[k] = kernel.value((static_cast<double>(first + static_cast<int64_t>(k)) - center + 0.5) * inverse);
      sum += exact[k];
    }
    const int64_t place = mirrored ? out - 1 - i : i;
    int32_t* weights = windows.weights_.data() + place * windows.stride_;
    for (size_t k = 0; k < count; ++k) weights[mirrored ? count - 1 - k : k] = fixedPoint(sum != 0.0 ? exact[k] / sum : exact[k]);
    windows.bounds_[static_cast<size_t>(place)] = {static_cast<int32_t>(mirrored ? in - last : first), static_cast<int32_t>(count)};
  }
  return windows;
}

ResampleTaps ResampleWeights::operator[](int64_t i) const {
  const Bounds bounds = bounds_[static_cast<size_t>(i)];
  return {bounds.first, bounds.count, weights_.data() + i * stride_};
}

}  // namespace beit
