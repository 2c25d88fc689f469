// The three products of a fully connected layer y = x W^T + b that is trained: y, the gradient of x, and that of W. W is row-major and
// changes with every update, so it is packed for each product, and so is x for the gradient of W.
#pragma once

#include <cstdint>

#include "src/base/tensor.h"
#include "src/kernels/execution.h"
#include "src/training/trained_parameters.h"

namespace beit {

// Scratch memory of the products of all layers.
class ProductScratch {
 public:
  // Makes room for the products of `rows` rows and a layer of that size.
  void need(int64_t rows, int64_t inputs, int64_t outputs);
  void need(int64_t rows, const TrainedLinear& linear) { need(rows, linear.inputs, linear.outputs); }
  // Allocates what was asked for. Error: kOutOfMemory.
  Status allocate(const Execution& execution);

  float* panels() const { return panels_.data(); }
  float* transposed() const { return transposed_.data(); }

 private:
  int64_t panel_floats_ = 0, transposed_floats_ = 0;
  mutable FloatBuffer panels_, transposed_;
};

// output (rows, outputs) = input (rows, inputs) W^T + b.
void multiplyForward(const Execution& execution, int64_t rows, const TrainedLinear& linear, const float* input, float* output,
                     const ProductScratch& scratch);

// input_gradient (rows, inputs) = output_gradient (rows, outputs) W, or += that.
void multiplyBackward(const Execution& execution, int64_t rows, const TrainedLinear& linear, const float* output_gradient,
                      float* input_gradient, bool accumulate, const ProductScratch& scratch);

// The gradient of W += output_gradient^T input, if it is trained. An element is the same sum in the same order whatever the threads.
void addWeightGradient(const Execution& execution, int64_t rows, const TrainedLinear& linear, const float* output_gradient,
                       const float* input, const ProductScratch& scratch);

}  // namespace beit
