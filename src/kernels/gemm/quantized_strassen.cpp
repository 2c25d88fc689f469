#include "src/kernels/gemm/quantized_strassen.h"

#include <algorithm>
#include <cassert>

namespace beit {

namespace {

// Smaller ones gain next to nothing: 96 x 256 x 256 takes 1.02 of the time, 97 x 384 x 384 0.99, 128 x 512 x 512 0.95. Half of a chunk is
// the depth of a product: 16 KB of a panel, which stay in a first-level cache. Halves are whole pairs.
constexpr StrassenSizes kSizes{.least_rows = 96, .least_inputs = 512, .least_outputs = 512, .most_chunk = 2048, .multiple = 4};

// |S4| <= 4 * 8191 fits 16 bits.
constexpr int32_t kMostActivation = 8191;

}  // namespace

bool QuantizedStrassenRows::suits(int64_t rows, int64_t inputs, int64_t outputs) { return kSizes.suit(rows, inputs, outputs); }

int32_t QuantizedStrassenRows::activationLimit(int64_t inputs) { return std::min(kMostActivation, beit::activationLimit(inputs)); }

Result<QuantizedStrassenRows> QuantizedStrassenRows::make(const Execution& execution, const W8A16Rows& rows) {
  QuantizedStrassenRows result;
  BEIT_ASSIGN(result.form_,
              StrassenForm<Integers>::make(execution, rows.rows(), rows.inputs(), kSizes.chunkOf(rows.inputs()), rows.tile(0)));
  return result;
}

void QuantizedStrassenRows::multiply(const Execution& execution, const W8A16Rows& rows, const W8A16Matrix& matrix, float* output) const {
  assert(rows.inputs() == matrix.inputs());
  struct Product {
    const Microkernels& kernels;
    const W8A16Rows& rows;
    const W8A16Matrix& matrix;
    float* output;

    int64_t panels() const { return kernels.w8a16_panels; }
    int64_t tileRows() const { return kMr; }
    void multiply(int64_t, int64_t panels, int64_t depth, const int16_t* a, int64_t, const int16_t* b, int64_t, const int32_t* start,
                  int32_t* to) const {
      sumIntegerTile(panels, static_cast<size_t>(depth), a, b, start, to);
    }
    void finish(int64_t count, int64_t panels, const int32_t* sums, int64_t row, int64_t column) const {
      const OutputScales& scaling = matrix.scaling();
      scaleIntegerTile(count, panels * kNr, sums, rows.scales() + row, scaling.scales.data() + column, scaling.bias.data() + column,
                       output + row * matrix.outputs() + column, matrix.outputs(), {});
    }
  };
  form_.multiply(execution, matrix.outputs(), rows.tile(0), matrix.panels(), Product{execution.microkernels(), rows, matrix, output});
}

}  // namespace beit
