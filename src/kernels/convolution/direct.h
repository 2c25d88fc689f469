// Convolutions as they are written: stride 1, padding (kernel - 1) / 2, so that the size stays.
#pragma once

#include <cstdint>

#include "src/base/result.h"
#include "src/kernels/execution.h"
#include "src/kernels/feature_map.h"
#include "src/kernels/gemm/f32.h"

namespace beit {

// A product of the packed kernel with rows of all inputs that a pixel's outputs see, which are gathered for a band of pixels
// at a time. An output is the bias and what the taps add to it, in the order of the kernel.
class DirectConvolution {
 public:
  DirectConvolution() = default;
  DirectConvolution(int64_t inputs, int64_t outputs, int64_t kernel_size) : inputs_(inputs), outputs_(outputs), kernel_size_(kernel_size) {}

  // Packs `kernel` (outputs, height, width, inputs) and `bias` (outputs) or null, on all threads; both may go afterwards.
  // Error: kOutOfMemory.
  Status make(const Execution& execution, const float* kernel, const float* bias, bool relu);
  // output (size, outputs) = the convolution of input (size, inputs), and ReLU if asked. Error: kOutOfMemory.
  Status run(const Execution& execution, const FeatureMap& input, float* output) const;

 private:
  // What one output is made of.
  int64_t depth() const { return kernel_size_ * kernel_size_ * inputs_; }

  int64_t inputs_ = 0, outputs_ = 0, kernel_size_ = 0;
  bool relu_ = false;
  PackedMatrix matrix_;
};

}  // namespace beit
