// The products of gemm.h with whole numbers: W in 8 bits with a scale for each output, found once; x in
// up to 16 bits with a scale for each row, found at every run (symmetric, so no zero points). Products
// are summed exactly in 32 bits, so all engines and builds agree on them.
#pragma once

#include <cstdint>

#include "src/base/buffer.h"
#include "src/base/result.h"
#include "src/base/tensor.h"
#include "src/kernels/gemm/blocking.h"
#include "src/kernels/gemm/quantization.h"
#include "src/kernels/thread_pool.h"

namespace beit {

// Returns the largest magnitude that a row's whole numbers take: 32767, or less where `inputs` products
// with weights of up to 128 would not fit a 32-bit sum (21845 for 768, 5461 for 3072).
int32_t activationLimit(int64_t inputs);

// Rows of floats as whole numbers times a scale, for any number of products with them.
// A row that holds an infinity or a NaN gets the scale NaN, so that all its outputs are NaN; one whose
// values are all below 1e-30 counts as zero.
class QuantizedRows {
 public:
  // Quantises `rows` dense rows of `inputs` floats on the pool. Error: kOutOfMemory.
  static Result<QuantizedRows> quantize(const ThreadPool& pool, int64_t rows, int64_t inputs, const float* values);
  // Returns the bytes that this takes.
  static int64_t bytes(int64_t rows, int64_t inputs, int threads);

  int64_t rows() const { return rows_; }
  int64_t inputs() const { return inputs_; }
  int64_t depth() const { return (inputs_ + 1) / 2 * 2; }  // an odd row is followed by a 0
  // The rows of a tile that begins at row r, a multiple of four: (depth / 2, 4, 2). One pointer leads a kernel through them.
  const int16_t* tile(int64_t r) const { return values_.data() + r * depth(); }
  const float* scales() const { return scales_.data(); }
  // A product's room for one panel of weights in 16 bits, (depth, 8), for each thread of the pool.
  int16_t* widened(size_t thread) const { return panels_.data() + static_cast<int64_t>(thread) * depth() * kTileColumns; }

 private:
  int64_t rows_ = 0, inputs_ = 0;
  Buffer<int16_t> values_;          // (rows rounded up to 4, depth), tile by tile; rows past the last one are 0
  FloatBuffer scales_;              // (rows)
  mutable Buffer<int16_t> panels_;  // (threads, depth, 8)
};

class QuantizedMatrix {
 public:
  QuantizedMatrix() = default;

  // Quantises and packs `weight` (outputs, inputs): an output's scale is its largest magnitude / 127.
  // `bias` (outputs) may be null. Both may go afterwards. An output with a weight that is not finite
  // gives NaN. Error: kOutOfMemory.
  static Result<QuantizedMatrix> quantize(int64_t inputs, int64_t outputs, const float* weight, const float* bias);

  // Packs weights that are quantised already: values (outputs, inputs) and the scale of each output.
  static Result<QuantizedMatrix> pack(int64_t inputs, int64_t outputs, const int8_t* values, const float* scales,
                                      const float* bias);

  // Returns the bytes that a matrix takes, packed, with scales and bias.
  static int64_t bytes(int64_t inputs, int64_t outputs);

  bool empty() const { return panels_.empty(); }

  // W and b = W and b times `factor`; no whole number changes.
  void scale(float factor) { scaling_.scale(factor); }

  // output (rows, outputs) = rows x W^T + b, then the epilogue.
  void multiply(const ThreadPool& pool, const QuantizedRows& rows, float* output, int64_t output_stride,
                GemmEpilogue epilogue = {}) const;

 private:
  static Result<QuantizedMatrix> allocate(int64_t inputs, int64_t outputs, const float* bias);
  // Packs `rows` of up to eight rows of whole numbers as panel `panel`.
  void packPanel(int64_t panel, const int16_t* rows);

  int64_t inputs_ = 0, outputs_ = 0;
  Buffer<int8_t> panels_;  // (outputs / 8 rounded up, inputs / 2 rounded up, 8, 2)
  OutputScales scaling_;
};

}  // namespace beit
