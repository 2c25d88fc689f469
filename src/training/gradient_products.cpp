#include "src/training/gradient_products.h"

#include <algorithm>

#include "src/kernels/gemm/f32.h"
#include "src/training/transpose.h"

namespace beit {

namespace {

// Rows that one product of the gradient of W sums up: so many that loading and storing the sums costs little, so few that a panel
// of them stays in the first-level cache.
constexpr int64_t kDepth = 512;

double operations(int64_t rows, const TrainedLinear& linear) {
  return 2.0 * static_cast<double>(rows) * static_cast<double>(linear.inputs * linear.outputs);
}

}  // namespace

void ProductScratch::need(int64_t rows, int64_t inputs, int64_t outputs) {
  const int64_t depth = std::min(rows, kDepth);
  panel_floats_ = std::max({panel_floats_, packedFloats(inputs, outputs), packedFloats(outputs, inputs), packedFloats(depth, inputs)});
  transposed_floats_ = std::max(transposed_floats_, depth * outputs);
}

Status ProductScratch::allocate(const Execution& execution) {
  BEIT_ASSIGN(panels_, execution.workspace().floats(panel_floats_, "packed weights"));
  BEIT_ASSIGN(transposed_, execution.workspace().floats(transposed_floats_, "transposed gradients"));
  return {};
}

void multiplyForward(const Execution& execution, int64_t rows, const TrainedLinear& linear, const float* input, float* output,
                     const ProductScratch& scratch) {
  const WorkTimer timer(execution.profile(), Work::kLinear, operations(rows, linear));
  const int64_t inputs = linear.inputs, outputs = linear.outputs;
  packRows(execution, inputs, outputs, linear.weight->value.data(), inputs, scratch.panels());
  // What is read behind the last bias is the buffer's slack, and goes into outputs that do not exist.
  multiplyPacked(execution, rows, inputs, outputs, input, inputs, scratch.panels(), linear.bias ? linear.bias->value.data() : nullptr,
                 output, outputs);
}

void multiplyBackward(const Execution& execution, int64_t rows, const TrainedLinear& linear, const float* output_gradient,
                      float* input_gradient, bool accumulate, const ProductScratch& scratch) {
  const WorkTimer timer(execution.profile(), Work::kLinear, operations(rows, linear));
  const int64_t inputs = linear.inputs, outputs = linear.outputs;
  packColumns(execution, outputs, inputs, linear.weight->value.data(), inputs, scratch.panels());
  multiplyPacked(execution, rows, outputs, inputs, output_gradient, outputs, scratch.panels(), nullptr, input_gradient, inputs,
                 {.accumulate = accumulate});
}

void addWeightGradient(const Execution& execution, int64_t rows, const TrainedLinear& linear, const float* output_gradient,
                       const float* input, const ProductScratch& scratch) {
  if (!linear.weight->trained) return;
  const WorkTimer timer(execution.profile(), Work::kLinear, operations(rows, linear));
  const int64_t inputs = linear.inputs, outputs = linear.outputs;
  for (int64_t row = 0; row < rows; row += kDepth) {
    const int64_t depth = std::min(kDepth, rows - row);
    const float* x = input + row * inputs;
    const float* dy = output_gradient + row * outputs;
    packColumns(execution, depth, inputs, x, inputs, scratch.panels());
    constexpr int64_t kColumns = 32;
    execution.parallelFor(static_cast<size_t>((outputs + kColumns - 1) / kColumns), [&](size_t, size_t task) {
      const int64_t first = static_cast<int64_t>(task) * kColumns;
      transpose(depth, std::min(kColumns, outputs - first), dy + first, outputs, scratch.transposed() + first * depth, depth);
    });
    multiplyPacked(execution, outputs, depth, inputs, scratch.transposed(), depth, scratch.panels(), nullptr,
                   linear.weight->gradient.data(), inputs, {.accumulate = true});
  }
}

}  // namespace beit
