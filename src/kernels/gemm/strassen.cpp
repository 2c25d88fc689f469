#include "src/kernels/gemm/strassen.h"

#include <atomic>

#include "src/kernels/gemm/f32_microkernel.h"

namespace beit {

namespace {

// In smaller ones the sums cost more than an eighth of the products. Half of a chunk is the depth of a product: 16 KB of a panel, of which
// two stay in a first-level cache of 32. Halves are whole vectors.
constexpr StrassenSizes kSizes{.least_rows = 96, .least_inputs = 256, .least_outputs = 256, .most_chunk = 1024, .multiple = 8};

// `columns` are whole panels.
[[gnu::noinline]] void addBias(int64_t rows, int64_t columns, const float* sums, const float* bias, float* output, int64_t stride) {
  for (int64_t r = 0; r < rows; ++r, sums += columns, output += stride)
    for (int64_t c = 0; c < columns; c += 4) store4(output + c, load4(sums + c) + load4(bias + c));
}

// Whether all are numbers, and finite.
[[gnu::noinline]] bool areFinite(int64_t count, const float* values) {
  F32x4 poison = splat4(0.0f);  // becomes NaN by an infinity or a NaN
  for (int64_t i = 0; i < count; i += 4) poison += load4(values + i) * splat4(0.0f);
  return reduceAdd(poison) == 0.0f;
}

}  // namespace

bool StrassenRows::suits(int64_t rows, int64_t inputs, int64_t outputs) { return kSizes.suit(rows, inputs, outputs); }

Result<StrassenRows> StrassenRows::make(const Execution& execution, int64_t rows, int64_t inputs, const float* values) {
  StrassenRows result;
  std::atomic<bool> finite = true;
  execution.parallelFor(static_cast<size_t>(rows), [&](size_t, size_t row) {
    if (!areFinite(inputs, values + static_cast<int64_t>(row) * inputs)) finite.store(false, std::memory_order_relaxed);
  });
  if (!finite) return result;
  result.values_ = values;
  BEIT_ASSIGN(result.form_, StrassenForm<Floats>::make(execution, rows, inputs, kSizes.chunkOf(inputs), values));
  return result;
}

void StrassenRows::multiply(const Execution& execution, const PackedMatrix& matrix, float* output) const {
  struct Product {
    const Microkernels& kernels;
    const PackedMatrix& matrix;
    float* output;

    int64_t panels() const { return kernels.f32_panels; }
    int64_t tileRows() const { return kernels.f32TileRows(); }
    void multiply(int64_t rows, int64_t panels, int64_t depth, const float* a, int64_t a_stride, const float* b, int64_t b_stride,
                  const float* start, float* to) const {
      const int64_t width = panels * kNr;
      f32Microkernel(rows, width, static_cast<size_t>(depth), a, a_stride, b, b_stride, start, width, to, width, {});
    }
    void finish(int64_t rows, int64_t panels, const float* sums, int64_t row, int64_t column) const {
      addBias(rows, panels * kNr, sums, matrix.bias() + column, output + row * matrix.outputs() + column, matrix.outputs());
    }
  };
  form_.multiply(execution, matrix.outputs(), values_, matrix.panels(), Product{execution.microkernels(), matrix, output});
}

}  // namespace beit
