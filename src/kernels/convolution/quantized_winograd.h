// Winograd's form with integers on both sides. Kernels are held in 8 bits with a scale for each output and tap, a
// sixteenth of the transformed ones in floats, and transformed when a map comes, since quantising the transformed ones to 8 bits gives four
// times the error. Transformed kernels and inputs have as many bits as a 32-bit sum of all products can hold between them (both 1672 for
// 768 inputs): that adds 0.4 % of an output's size to the 0.9 that 8 bits cost anyway (rms).
#pragma once

#include <cstdint>

#include "src/base/buffer.h"
#include "src/base/result.h"
#include "src/kernels/execution.h"
#include "src/kernels/feature_map.h"

namespace beit {

// Stride 1, padding 1, as WinogradConvolution, in the same bands.
class QuantizedWinograd {
 public:
  QuantizedWinograd() = default;
  QuantizedWinograd(int64_t inputs, int64_t outputs) : inputs_(inputs), outputs_(outputs) {}

  // Quantises, on all threads, the 3 x 3 `kernel` (outputs, total_inputs, 3, 3), of which it takes the inputs first..first + inputs - 1,
  // each output times scale[output]; `bias` (outputs). All are copied. An output with a weight that is not finite gives NaN.
  // Error: kOutOfMemory.
  Status make(const Execution& execution, const float* kernel, int64_t total_inputs, int64_t first, const float* scale, const float* bias);

  // Returns the bytes that are held of a kernel.
  static int64_t bytes(int64_t inputs, int64_t outputs);

  // The kernel as the bands of a map multiply with it.
  struct Transformed {
    Buffer<int16_t> panels;  // (36, outputs / 8 rounded up, inputs / 2 rounded up, 8, 2)
    FloatBuffer scales;      // (36, outputs rounded up to 8)
  };
  // Error: kOutOfMemory.
  Result<Transformed> transform(const Execution& execution) const;

  // output (rows, width, outputs) = rows first_row.. of the convolution of `input` (size, inputs), and ReLU if
  // asked. first_row is a multiple of four; rows are WinogradConvolution::kRowsPerBand at most. Error: kOutOfMemory.
  Status run(const Execution& execution, const Transformed& kernel, const FeatureMap& input, int64_t first_row, int64_t rows, float* output,
             bool relu) const;

 private:
  int64_t inputs_ = 0, outputs_ = 0;
  Buffer<int8_t> values_;  // (outputs, 9, inputs rounded up to 8)
  FloatBuffer scales_;     // (outputs, 9)
  FloatBuffer bias_;       // (outputs)
};

}  // namespace beit
