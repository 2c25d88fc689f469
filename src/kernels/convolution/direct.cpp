#include "src/kernels/convolution/direct.h"

#include <algorithm>
#include <cassert>

namespace beit {

namespace {

constexpr int64_t kBandFloats = 1 << 20;  // that are gathered at a time: weights are read once for each band
constexpr int64_t kPixelsPerTask = 16;

// to (kernel, kernel, channels) = the inputs around pixel (y, x), zeros past the borders. Those of a row lie side by side.
void gatherPixel(const FeatureMap& input, int64_t kernel_size, int64_t y, int64_t x, float* to) {
  const int64_t reach = (kernel_size - 1) / 2, channels = input.channels, width = input.size.width;
  const int64_t first = std::max<int64_t>(x - reach, 0), last = std::min(x + reach + 1, width);
  for (int64_t row = y - reach; row <= y + reach; ++row) {
    float* const end = to + kernel_size * channels;
    if (row >= 0 && row < input.size.height) {
      to = std::fill_n(to, (first - (x - reach)) * channels, 0.0f);
      to = std::copy_n(input.data() + (row * width + first) * channels, (last - first) * channels, to);
    }
    std::fill(to, end, 0.0f);
    to = end;
  }
}

}  // namespace

Status DirectConvolution::make(const Execution& execution, const float* kernel, const float* bias, bool relu) {
  BEIT_ASSIGN(matrix_, PackedMatrix::pack(execution, depth(), outputs_, kernel, depth(), bias));
  relu_ = relu;
  return {};
}

Status DirectConvolution::run(const Execution& execution, const FeatureMap& input, float* output) const {
  assert(input.channels == inputs_);
  const int64_t pixels = input.size.area();
  const WorkTimer timer(execution.profile(), Work::kConvolution, 2.0 * static_cast<double>(pixels * outputs_ * depth()));
  const auto multiply = [&](int64_t first, int64_t count, const float* rows) {
    multiplyPacked(execution, count, depth(), outputs_, rows, depth(), matrix_.panels(), matrix_.bias(), output + first * outputs_,
                   outputs_, {.relu = relu_});
  };
  if (kernel_size_ == 1) {
    multiply(0, pixels, input.data());
    return {};
  }
  const int64_t bands = (pixels * depth() + kBandFloats - 1) / kBandFloats, band = (pixels + bands - 1) / bands;
  BEIT_ASSIGN(FloatBuffer gathered, execution.workspace().floats(band * depth(), "a convolution's inputs"));
  for (int64_t first = 0; first < pixels; first += band) {
    const int64_t count = std::min(band, pixels - first);
    execution.parallelFor(static_cast<size_t>((count + kPixelsPerTask - 1) / kPixelsPerTask), [&](size_t, size_t task) {
      const int64_t begin = static_cast<int64_t>(task) * kPixelsPerTask;
      for (int64_t i = begin; i < std::min(begin + kPixelsPerTask, count); ++i) {
        const int64_t pixel = first + i;
        gatherPixel(input, kernel_size_, pixel / input.size.width, pixel % input.size.width, gathered.data() + i * depth());
      }
    });
    multiply(first, count, gathered.data());
  }
  return {};
}

}  // namespace beit
