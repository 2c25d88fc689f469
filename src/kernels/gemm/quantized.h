// Products with constant matrices of 8-bit weights, by the kernel that suits the engine: w8a8 where it has an
// exact dot product of bytes, else w8a16. Nothing else asks which.
#pragma once

#include <cstdint>

#include "src/base/result.h"
#include "src/kernels/gemm/w8a16.h"
#include "src/kernels/gemm/w8a8.h"
#include "src/kernels/thread_pool.h"

namespace beit {

// Rows of floats as whole numbers, for any number of products with them.
class Int8Rows {
 public:
  // Quantises `rows` dense rows of `inputs` floats on the pool. Error: kOutOfMemory.
  static Result<Int8Rows> quantize(const ThreadPool& pool, int64_t rows, int64_t inputs, const float* values);
  // Returns the bytes that this takes.
  static int64_t bytes(int64_t rows, int64_t inputs, int threads);

 private:
  friend class Int8Matrix;
  QuantizedRows words_;  // one of both
  ByteRows bytes_;
};

class Int8Matrix {
 public:
  // Quantises and packs `weight` (outputs, inputs) with `bias` (outputs), or null; both may go afterwards. An output
  // with a weight that is not finite gives NaN. Error: kOutOfMemory.
  static Result<Int8Matrix> quantize(int64_t inputs, int64_t outputs, const float* weight, const float* bias);

  // Packs weights that are quantised already: values (outputs, inputs) and the scale of each output.
  static Result<Int8Matrix> pack(int64_t inputs, int64_t outputs, const int8_t* values, const float* scales, const float* bias);

  // Returns the bytes that a matrix takes, packed, with scales and bias.
  static int64_t bytes(int64_t inputs, int64_t outputs);

  bool empty() const { return words_.empty() && bytes_.empty(); }

  // W and b = W and b times `factor`; no whole number changes.
  void scale(float factor);

  // output (rows, outputs) = rows x W^T + b.
  void multiply(const ThreadPool& pool, const Int8Rows& rows, float* output, int64_t output_stride) const;

 private:
  QuantizedMatrix words_;  // one of both
  ByteMatrix bytes_;
};

}  // namespace beit
