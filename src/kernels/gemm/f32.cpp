#include "src/kernels/gemm/f32.h"

#include <algorithm>
#include <cstddef>

#include "src/kernels/gemm/f32_microkernel.h"
#include "src/kernels/simd.h"

namespace beit {

namespace {

// panel (inputs, 8) = the transposed rows; the missing ones of the last panel are 0.
void packPanel(size_t inputs, int64_t rows, const float* weight, int64_t stride, float* panel) {
  size_t k = 0;
  if (rows == kNr)
    for (; k + 4 <= inputs; k += 4)
      for (int64_t half = 0; half < kNr; half += 4) {
        const float* from = weight + half * stride + k;
        F32x4 a = load4(from), b = load4(from + stride), c = load4(from + 2 * stride), d = load4(from + 3 * stride);
        transpose4(a, b, c, d);
        float* to = panel + k * kNr + half;
        store4(to, a);
        store4(to + kNr, b);
        store4(to + 2 * kNr, c);
        store4(to + 3 * kNr, d);
      }
  for (; k < inputs; ++k)
    for (int64_t c = 0; c < kNr; ++c)
      panel[k * kNr + static_cast<size_t>(c)] = c < rows ? weight[c * stride + static_cast<int64_t>(k)] : 0.0f;
}

// Multiplies with panels `first` to `last`; `panels`, `bias` and `output` are those of output 0.
void multiplyPanels(const Microkernels& kernels, int64_t rows, int64_t inputs, int64_t outputs, int64_t first, int64_t last,
                    const float* input, int64_t input_stride, const float* panels, const float* bias, float* output, int64_t output_stride,
                    GemmEpilogue epilogue) {
  int64_t count;
  for (int64_t p = first; p < last; p += count) {
    count = std::min(kernels.f32_panels, last - p);
    const int64_t column = p * kNr;
    forTiles(rows, kernels.f32TileRows(), [&](int64_t r, int64_t tile) {
      f32Microkernel(tile, std::min(count * kNr, outputs - column), static_cast<size_t>(inputs), input + r * input_stride, input_stride,
                     panels + column * inputs, inputs * kNr, bias ? bias + column : nullptr, /*start_stride=*/0,
                     output + r * output_stride + column, output_stride, epilogue);
    });
  }
}

}  // namespace

void packRows(int64_t inputs, int64_t outputs, const float* weight, int64_t stride, float* panels) {
  for (int64_t p = 0; p < panelsOf(outputs); ++p)
    packPanel(static_cast<size_t>(inputs), std::min(kNr, outputs - p * kNr), weight + p * kNr * stride, stride, panels + p * inputs * kNr);
}

void packColumns(int64_t inputs, int64_t outputs, const float* weight, int64_t stride, float* panels) {
  for (int64_t column = 0; column < outputs; column += kNr) {
    const int64_t columns = std::min(kNr, outputs - column);
    const float* from = weight + column;
    for (int64_t k = 0; k < inputs; ++k, panels += kNr, from += stride) {
      if (columns < kNr) {
        std::fill(std::copy_n(from, columns, panels), panels + kNr, 0.0f);
        continue;
      }
      store4(panels, load4(from));
      store4(panels + 4, load4(from + 4));
    }
  }
}

void packRows(const Execution& execution, int64_t inputs, int64_t outputs, const float* weight, int64_t stride, float* panels) {
  forPanels(execution, panelsOf(outputs), [&](size_t, int64_t panel) {
    const int64_t first = panel * kNr;
    packRows(inputs, std::min(kNr, outputs - first), weight + first * stride, stride, panels + first * inputs);
  });
}

void packColumns(const Execution& execution, int64_t inputs, int64_t outputs, const float* weight, int64_t stride, float* panels) {
  forPanels(execution, panelsOf(outputs), [&](size_t, int64_t panel) {
    const int64_t first = panel * kNr;
    packColumns(inputs, std::min(kNr, outputs - first), weight + first, stride, panels + first * inputs);
  });
}

void multiplyPacked(const Microkernels& kernels, int64_t rows, int64_t inputs, int64_t outputs, const float* input, int64_t input_stride,
                    const float* panels, const float* bias, float* output, int64_t output_stride, GemmEpilogue epilogue) {
  multiplyPanels(kernels, rows, inputs, outputs, 0, panelsOf(outputs), input, input_stride, panels, bias, output, output_stride, epilogue);
}

void multiplyPacked(const Execution& execution, int64_t rows, int64_t inputs, int64_t outputs, const float* input, int64_t input_stride,
                    const float* panels, const float* bias, float* output, int64_t output_stride, GemmEpilogue epilogue) {
  const int64_t at_once = execution.microkernels().f32_panels, count = panelsOf(outputs);
  forGemmTasks(execution, rows, (count + at_once - 1) / at_once, inputs * static_cast<int64_t>(sizeof(float)),
               [&](size_t, int64_t row, int64_t last_row, int64_t first, int64_t last) {
                 multiplyPanels(execution.microkernels(), last_row - row, inputs, outputs, first * at_once, std::min(count, last * at_once),
                                input + row * input_stride, input_stride, panels, bias, output + row * output_stride, output_stride,
                                epilogue);
               });
}

Result<PackedMatrix> PackedMatrix::pack(const Execution& execution, int64_t inputs, int64_t outputs, const float* weight,
                                        int64_t weight_stride, const float* bias) {
  PackedMatrix matrix;
  BEIT_ASSIGN(matrix.panels_, FloatBuffer::allocate(packedFloats(inputs, outputs), "packed weights"));
  BEIT_ASSIGN(matrix.bias_, FloatBuffer::allocate(panelsOf(outputs) * kNr, "a bias"));
  packRows(execution, inputs, outputs, weight, weight_stride, matrix.panels_.data());
  for (int64_t i = 0; i < panelsOf(outputs) * kNr; ++i) matrix.bias_.data()[i] = bias && i < outputs ? bias[i] : 0.0f;
  matrix.inputs_ = inputs;
  matrix.outputs_ = outputs;
  return matrix;
}

void PackedMatrix::scale(float factor) {
  for (float& value : panels_.span()) value *= factor;
  for (float& value : bias_.span()) value *= factor;
}

void PackedMatrix::multiply(const Execution& execution, int64_t rows, const float* input, int64_t input_stride, float* output,
                            int64_t output_stride, GemmEpilogue epilogue) const {
  multiplyPacked(execution, rows, inputs_, outputs_, input, input_stride, panels_.data(), bias_.data(), output, output_stride, epilogue);
}

}  // namespace beit
