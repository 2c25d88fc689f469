// Products with a constant matrix, x W^T + b, in f32: W is packed once, in the order in which the
// kernel reads it.
#pragma once

#include <cstdint>

#include "src/gemm_tiles.h"
#include "src/result.h"
#include "src/tensor.h"
#include "src/thread_pool.h"

namespace beit {

class PackedMatrix {
 public:
  PackedMatrix() = default;

  // Packs `weight`, `outputs` rows of `inputs` floats with `weight_stride` floats from one to the next,
  // and `bias` (outputs), or null for none. Both may go afterwards. Error: kOutOfMemory.
  static Result<PackedMatrix> pack(int64_t inputs, int64_t outputs, const float* weight, int64_t weight_stride,
                                   const float* bias);

  bool empty() const { return panels_.empty(); }
  int64_t inputs() const { return inputs_; }
  int64_t outputs() const { return outputs_; }

  // output (rows, outputs) = input (rows, inputs) x W^T + b, then the epilogue. Strides are the floats
  // from one row to the next. Exactly these floats are read and written. output must not overlap input.
  void multiply(const ThreadPool& pool, int64_t rows, const float* input, int64_t input_stride, float* output,
                int64_t output_stride, GemmEpilogue epilogue = {}) const;

  // The same in the caller's thread, for callers that have tasks of their own.
  void multiply(int64_t rows, const float* input, int64_t input_stride, float* output, int64_t output_stride,
                GemmEpilogue epilogue = {}) const {
    multiplyPanels(rows, 0, panelsOf(outputs_), input, input_stride, output, output_stride, epilogue);
  }

 private:
  // Outputs 8 * first_panel to 8 * last_panel; `output` is that of output 0.
  void multiplyPanels(int64_t rows, int64_t first_panel, int64_t last_panel, const float* input,
                      int64_t input_stride, float* output, int64_t output_stride, GemmEpilogue epilogue) const;

  int64_t inputs_ = 0, outputs_ = 0;
  FloatBuffer panels_;  // (outputs / 8 rounded up, inputs, 8): eight outputs' weights of one input together
  FloatBuffer bias_;    // (outputs rounded up to 8)
};

}  // namespace beit
