// A 3 x 3 convolution of a map that is first resized to a larger one, without that larger map: a convolution is
// the sum of its nine taps, each a product with a matrix, and resizing (bilinear, align_corners=False) is linear
// in each channel, so the products are made at the map's own size and then resized, shifted and added. Exact, with
// the zeros around the larger map as well.
#pragma once

#include <cstdint>

#include "src/base/result.h"
#include "src/kernels/execution.h"
#include "src/kernels/feature_map.h"
#include "src/layers/linear.h"

namespace beit {

class ResizedConvolution {
 public:
  ResizedConvolution(WeightType type, int64_t inputs, int64_t outputs);

  // Packs the 3 x 3 `kernel` (outputs, total_inputs, 3, 3), of which it takes the inputs first..first + inputs - 1,
  // each output times scale[output]. Error: kOutOfMemory.
  Status make(const Execution& execution, const float* kernel, int64_t total_inputs, int64_t first, const float* scale);

  // What is kept between the bands of one map: its rows that the next band needs, widened.
  struct Rows {
    int64_t first = 0, last = 0;  // rows of the map, one past
    FloatBuffer values;           // (rows, 3 rows of the kernel, width of the larger map, outputs)
  };

  // sum (rows, larger.width, outputs) += rows first_row.. of the convolution of `input`, resized to `larger`. Bands
  // come in order, from row 0, with the same `kept`. Error: kOutOfMemory.
  Status add(const Execution& execution, const FeatureMap& input, Size larger, int64_t first_row, int64_t rows, Rows& kept,
             float* sum) const;

 private:
  Status widen(const Execution& execution, const FeatureMap& input, int64_t width, Rows& kept, int64_t first, int64_t last) const;

  int64_t outputs_;
  Linear taps_;  // (9 outputs, inputs), in the kernel's order of rows and columns
};

}  // namespace beit
