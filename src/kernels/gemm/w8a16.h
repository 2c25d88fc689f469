// The products of gemm.h with integers: W in 8 bits with a scale for each output, found once; x in
// up to 16 bits with a scale for each row, found at every run (symmetric, so no zero points). Products
// are summed exactly in 32 bits, so all engines and builds agree on them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "src/base/buffer.h"
#include "src/base/result.h"
#include "src/base/tensor.h"
#include "src/kernels/execution.h"
#include "src/kernels/gemm/blocking.h"
#include "src/kernels/gemm/quantization.h"

namespace beit {

// Returns the largest magnitude that a row's integers take: 32767, or less where `inputs` products
// with weights of up to 128 would not fit a 32-bit sum (21845 for 768, 5461 for 3072).
int32_t activationLimit(int64_t inputs);

// A row's integers in the pairs that are multiplied.
constexpr int64_t pairedInputs(int64_t inputs) { return (inputs + 1) / 2 * 2; }

// to (depth / 2 pairs, `pair_stride` apart, 4, 2) = four rows, each `stride` from the next.
void interleaveRows(int64_t depth, const int16_t* rows, int64_t stride, int16_t* to, int64_t pair_stride);

// tile (depth / 2, 4, 2) and scales = `rows` rows of `inputs` floats, up to four, each `stride` from the next, as integers
// up to `limit`; the rows that are missing are 0. `room` takes four groupedInputs().
void quantizeTile(int64_t rows, int64_t inputs, const float* values, int64_t stride, int32_t limit, int16_t* room, int16_t* tile,
                  float* scales);

// output = input x panels (depth / 2, 8, 2), scaled, then the epilogue: a tile of up to four rows by up to 8 columns; by up to 16, of two
// panels in a row. `input` is (depth / 2, 4, 2), `row_scales` has a scale for each of the rows, `scales` and `bias` one for each column of
// the panels.
void w8a16Microkernel(int64_t rows, int64_t columns, size_t depth, const int16_t* input, const float* row_scales, const int16_t* panel,
                      const float* scales, const float* bias, float* output, int64_t output_stride, GemmEpilogue epilogue);

// What that is made of. sums (4, panels, 8) = start + the products of all rows, modulo 2^32: start, of the same shape, may be `sums`, and
// null for zeros.
void sumIntegerTile(int64_t panels, size_t depth, const int16_t* input, const int16_t* panel, const int32_t* start, int32_t* sums);
// output (rows, columns) = sums (4, columns rounded up to 8), scaled, then the epilogue.
void scaleIntegerTile(int64_t rows, int64_t columns, const int32_t* sums, const float* row_scales, const float* scales, const float* bias,
                      float* output, int64_t output_stride, GemmEpilogue epilogue);

// Rows of floats as integers times a scale, for any number of products with them.
// A row that holds an infinity or a NaN gets the scale NaN, so that all its outputs are NaN; one whose
// values are all below 1e-30 counts as zero.
class W8A16Rows {
 public:
  // Quantises `rows` dense rows of `inputs` floats on the pool, to integers up to `limit`, at most activationLimit(inputs).
  // Error: kOutOfMemory.
  static Result<W8A16Rows> quantize(const Execution& execution, int64_t rows, int64_t inputs, const float* values, int32_t limit);

  int64_t rows() const { return rows_; }
  int64_t inputs() const { return inputs_; }
  int64_t depth() const { return (inputs_ + 1) / 2 * 2; }  // an odd row is followed by a 0
  // The rows of a tile that begins at row r, a multiple of four: (depth / 2, 4, 2). One pointer leads a kernel through them.
  const int16_t* tile(int64_t r) const { return values_.data() + r * depth(); }
  const float* scales() const { return scales_.data(); }
  // A product's room for the panels of a tile in 16 bits, (kMostPanels, depth, 8), for each thread of the pool.
  int16_t* widened(size_t thread) const { return panels_.data() + static_cast<int64_t>(thread) * kMostPanels * depth() * kNr; }

 private:
  int64_t rows_ = 0, inputs_ = 0;
  Buffer<int16_t> values_;          // (rows rounded up to 4, depth), tile by tile; rows past the last one are 0
  FloatBuffer scales_;              // (rows)
  mutable Buffer<int16_t> panels_;  // (threads, kMostPanels, depth, 8)
};

class W8A16Matrix {
 public:
  W8A16Matrix() = default;

  // Quantises and packs `weight` (outputs, inputs), on all threads: an output's scale is its largest magnitude / 127.
  // `bias` (outputs) may be null. Both may go afterwards. An output with a weight that is not finite
  // gives NaN. Error: kOutOfMemory.
  static Result<W8A16Matrix> quantize(const Execution& execution, int64_t inputs, int64_t outputs, const float* weight, const float* bias);

  // Packs weights that are quantised already: values (outputs, inputs) and the scale of each output.
  static Result<W8A16Matrix> pack(const Execution& execution, int64_t inputs, int64_t outputs, const int8_t* values, const float* scales,
                                  const float* bias);

  // Returns the bytes that a matrix takes, packed, with scales and bias.
  static int64_t bytes(int64_t inputs, int64_t outputs);

  bool empty() const { return panels_.empty(); }
  int64_t inputs() const { return inputs_; }
  int64_t outputs() const { return outputs_; }
  const int8_t* panels() const { return panels_.data(); }  // (outputs / 8 rounded up, inputs / 2 rounded up, 8, 2)
  const OutputScales& scaling() const { return scaling_; }

  // W and b = W and b times `factor`; no quantised value changes.
  void scale(float factor) { scaling_.scale(factor); }

  // output (rows, outputs) = rows x W^T + b, then the epilogue.
  void multiply(const Execution& execution, const W8A16Rows& rows, float* output, int64_t output_stride, GemmEpilogue epilogue = {}) const;

 private:
  static Result<W8A16Matrix> allocate(int64_t inputs, int64_t outputs, const float* bias);

  int64_t inputs_ = 0, outputs_ = 0;
  Buffer<int8_t> panels_;
  OutputScales scaling_;
};

}  // namespace beit
