#include "src/layers/linear.h"

#include <cassert>
#include <utility>

namespace beit {

void Linear::declare(const Execution& execution, ParameterList& parameters, const std::string& prefix, int64_t inputs, int64_t outputs,
                     bool has_bias, WeightType type, float scale) {
  format_ = &formatOf(type);
  declareShaped(execution, parameters, prefix, {outputs, inputs}, has_bias, scale);
}

void Linear::declareConvolution(const Execution& execution, ParameterList& parameters, const std::string& prefix, const Shape& shape) {
  declareShaped(execution, parameters, prefix, shape, /*has_bias=*/true, /*scale=*/1.0f);
}

void Linear::declareShaped(const Execution& execution, ParameterList& parameters, const std::string& prefix, Shape weight_shape,
                           bool has_bias, float scale) {
  outputs_ = weight_shape[0];
  inputs_ = *elementCount(weight_shape) / outputs_;
  LinearParameters::ReceiveQuantized quantized;
  if (format_->takesQuantized()) {
    quantized = [this, &execution, scale](QuantizedValues weight, FloatBuffer bias) -> Status {
      BEIT_ASSIGN(matrix_,
                  format_->packQuantized(execution, inputs_, outputs_, weight.values.data(), weight.scales.data(), bias.data(), scale));
      return {};
    };
  }
  const int64_t bytes = format_->takesQuantized() ? format_->weightBytes(inputs_, outputs_) : -1;
  parameters_.declare(
      parameters, prefix, std::move(weight_shape), has_bias,
      [this, &execution, scale](std::span<float> weight, FloatBuffer bias) -> Status {
        BEIT_ASSIGN(matrix_, format_->pack(execution, inputs_, outputs_, weight.data(), bias.data(), scale));
        return {};
      },
      bytes, std::move(quantized));
}

Status Linear::make(const Execution& execution, const float* weight, const float* bias) {
  BEIT_ASSIGN(matrix_, format_->pack(execution, inputs_, outputs_, weight, bias, /*scale=*/1.0f));
  return {};
}

Result<std::unique_ptr<PreparedRows>> Linear::prepare(const Execution& execution, int64_t rows, const float* input) const {
  const WorkTimer timer(execution.profile(), Work::kLinear);
  return format_->prepare(execution, rows, inputs_, outputs_, input);
}

void Linear::run(const Execution& execution, const PreparedRows& rows, float* output) const {
  const WorkTimer timer(execution.profile(), Work::kLinear,
                        2.0 * static_cast<double>(rows.rows()) * static_cast<double>(inputs_ * outputs_));
  execution.compute([&] {
    assert(ready());
    matrix_->multiply(execution, rows, output);
  });
}

Status Linear::run(const Execution& execution, int64_t rows, const float* input, float* output) const {
  BEIT_ASSIGN(const std::unique_ptr<PreparedRows> prepared, prepare(execution, rows, input));
  run(execution, *prepared, output);
  return {};
}

}  // namespace beit
