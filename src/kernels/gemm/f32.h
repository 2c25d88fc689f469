// Products x W^T + b in f32, with W packed into panels, the order in which the kernel reads it: constant
// matrices once (PackedMatrix), what changes with every image into its owner's memory (packRows, packColumns).
#pragma once

#include <cstddef>
#include <cstdint>

#include "src/base/result.h"
#include "src/base/tensor.h"
#include "src/kernels/execution.h"
#include "src/kernels/gemm/blocking.h"

namespace beit {

// Returns the floats of W (outputs, inputs) in panels: (outputs / 8 rounded up, inputs, 8), eight outputs'
// weights of one input together.
constexpr int64_t packedFloats(int64_t inputs, int64_t outputs) { return panelsOf(outputs) * inputs * kNr; }

// Packs `weight`, `outputs` rows of `inputs` floats with `stride` floats from one to the next, into
// packedFloats(inputs, outputs) floats, in the caller's thread or on all.
void packRows(int64_t inputs, int64_t outputs, const float* weight, int64_t stride, float* panels);
void packRows(const Execution& execution, int64_t inputs, int64_t outputs, const float* weight, int64_t stride, float* panels);

// The same for a transposed W: `inputs` rows of `outputs` floats.
void packColumns(int64_t inputs, int64_t outputs, const float* weight, int64_t stride, float* panels);
void packColumns(const Execution& execution, int64_t inputs, int64_t outputs, const float* weight, int64_t stride, float* panels);

// output (rows, outputs) = input (rows, inputs) x W^T + bias, then the epilogue, in the caller's thread. Strides
// are the floats from one row to the next. `bias` (outputs rounded up to 8) may be null. Exactly these floats
// of input and output are read and written. output must not overlap input.
void multiplyPacked(const Microkernels& kernels, int64_t rows, int64_t inputs, int64_t outputs, const float* input, int64_t input_stride,
                    const float* panels, const float* bias, float* output, int64_t output_stride, GemmEpilogue epilogue = {});

// The same on all threads.
void multiplyPacked(const Execution& execution, int64_t rows, int64_t inputs, int64_t outputs, const float* input, int64_t input_stride,
                    const float* panels, const float* bias, float* output, int64_t output_stride, GemmEpilogue epilogue = {});

class PackedMatrix {
 public:
  PackedMatrix() = default;

  // Packs `weight`, `outputs` rows of `inputs` floats with `weight_stride` floats from one to the next,
  // and `bias` (outputs), or null for none, on all threads. Both may go afterwards. Error: kOutOfMemory.
  static Result<PackedMatrix> pack(const Execution& execution, int64_t inputs, int64_t outputs, const float* weight, int64_t weight_stride,
                                   const float* bias);

  bool empty() const { return panels_.empty(); }
  int64_t inputs() const { return inputs_; }
  int64_t outputs() const { return outputs_; }
  const float* panels() const { return panels_.data(); }  // packedFloats(inputs(), outputs())
  const float* bias() const { return bias_.data(); }      // outputs() rounded up to 8; zeros for none

  // W and bias = W and bias times `factor`.
  void scale(float factor);

  // multiplyPacked() on all threads.
  void multiply(const Execution& execution, int64_t rows, const float* input, int64_t input_stride, float* output, int64_t output_stride,
                GemmEpilogue epilogue = {}) const;

  // The same in the caller's thread, for callers that have tasks of their own.
  void multiply(const Microkernels& kernels, int64_t rows, const float* input, int64_t input_stride, float* output, int64_t output_stride,
                GemmEpilogue epilogue = {}) const {
    multiplyPacked(kernels, rows, inputs_, outputs_, input, input_stride, panels_.data(), bias_.data(), output, output_stride, epilogue);
  }

 private:
  int64_t inputs_ = 0, outputs_ = 0;
  FloatBuffer panels_;
  FloatBuffer bias_;  // (outputs rounded up to 8)
};

}  // namespace beit
