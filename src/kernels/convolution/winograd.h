// 3 x 3 convolutions in a quarter of the multiplications: F(4x4, 3x3) of Lavin and Gray, "Fast Algorithms
// for Convolutional Neural Networks" (https://arxiv.org/abs/1509.09308). A tile of 6 x 6 inputs becomes 36
// values a channel; each of the 36 is multiplied with a matrix of its own, all tiles at once; the products
// become a tile of 4 x 4 outputs.
#pragma once

#include <cstdint>
#include <vector>

#include "src/base/result.h"
#include "src/kernels/convolution/winograd_tiles.h"
#include "src/kernels/execution.h"
#include "src/kernels/feature_map.h"
#include "src/kernels/gemm/f32.h"

namespace beit {

// Stride 1, padding 1: the size stays.
class WinogradConvolution {
 public:
  static constexpr int64_t kRowsPerBand = 2 * winograd::kTile;  // rows of outputs that are computed together

  WinogradConvolution() = default;
  WinogradConvolution(int64_t inputs, int64_t outputs) : inputs_(inputs), outputs_(outputs) {}

  // Transforms and packs, on all threads, the 3 x 3 `kernel` (outputs, total_inputs, 3, 3), of which it takes the inputs
  // first..first + inputs - 1, each output times scale[output], and `bias` (outputs) or null; all are copied.
  // Error: kOutOfMemory.
  Status make(const Execution& execution, const float* kernel, int64_t total_inputs, int64_t first, const float* scale, const float* bias);

  bool empty() const { return matrices_.empty(); }
  // Returns the bytes of the packed matrices.
  static int64_t bytes(int64_t inputs, int64_t outputs) { return winograd::kPoints * 4 * packedFloats(inputs, outputs); }

  // output (rows, width, outputs) = rows first_row.. of the convolution of `input` (size, inputs), and ReLU if
  // asked. first_row is a multiple of four; rows are kRowsPerBand at most. Error: kOutOfMemory.
  Status run(const Execution& execution, const FeatureMap& input, int64_t first_row, int64_t rows, float* output, bool relu) const;

 private:
  int64_t inputs_ = 0, outputs_ = 0;
  std::vector<PackedMatrix> matrices_;  // one a point
  FloatBuffer bias_;                    // (outputs)
};

}  // namespace beit
