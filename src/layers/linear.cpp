#include "src/layers/linear.h"

namespace beit {

Result<LinearInput> LinearInput::make(const ThreadPool& pool, WeightType type, int64_t rows, int64_t inputs,
                                      int64_t outputs, const float* values) {
  LinearInput input;
  input.rows_ = rows;
  input.values_ = values;
  const WorkTimer timer(pool.profile(), Work::kLinear);
  if (type == WeightType::kInt8) {
    BEIT_ASSIGN(input.quantized_, Int8Rows::quantize(pool, rows, inputs, values));
  } else if (StrassenRows::suits(rows, inputs, outputs)) {
    BEIT_ASSIGN(input.strassen_, StrassenRows::make(pool, rows, inputs, values));
  }
  return input;
}

void Linear::declare(ParameterList& parameters, const std::string& prefix, int64_t inputs, int64_t outputs,
                     bool has_bias, WeightType type, float scale) {
  type_ = type;
  scale_ = scale;
  declareShaped(parameters, prefix, {outputs, inputs}, has_bias);
}

void Linear::declareConvolution(ParameterList& parameters, const std::string& prefix, const Shape& shape) {
  declareShaped(parameters, prefix, shape, /*has_bias=*/true);
}

void Linear::declareShaped(ParameterList& parameters, const std::string& prefix, Shape weight_shape,
                           bool has_bias) {
  outputs_ = weight_shape[0];
  inputs_ = *elementCount(weight_shape) / outputs_;
  if (has_bias) group_.add(parameters, prefix + ".bias", {outputs_}, bias_);
  const bool quantized = type_ == WeightType::kInt8;
  group_.addLarge(parameters, prefix + ".weight", std::move(weight_shape),
                  [this](std::span<float> weight) { return pack(weight); },
                  quantized ? weightBytes(type_, inputs_, outputs_) : -1,
                  quantized ? [this](QuantizedValues weight) { return packQuantized(weight); } : TensorGroup::MakeQuantized());
}

Status Linear::pack(std::span<float> weight) {
  const bool quantized = type_ == WeightType::kInt8;
  if (scale_ != 1.0f && !quantized) {
    for (float& value : weight) value *= scale_;
    for (float& value : bias_.span()) value *= scale_;
  }
  const FloatBuffer bias = std::move(bias_);
  BEIT_TRY(make(inputs_, outputs_, weight.data(), bias.data()));
  // Scaled as such and not before: whole numbers are those of the tensor, whatever it is scaled by.
  if (quantized) quantized_.scale(scale_);
  return {};
}

int64_t Linear::weightBytes(WeightType type, int64_t inputs, int64_t outputs) {
  return type == WeightType::kInt8 ? Int8Matrix::bytes(inputs, outputs) : static_cast<int64_t>(sizeof(float)) * packedFloats(inputs, outputs);
}

Status Linear::packQuantized(QuantizedValues weight) {
  const FloatBuffer bias = std::move(bias_);
  BEIT_ASSIGN(quantized_, Int8Matrix::pack(inputs_, outputs_, weight.values.data(), weight.scales.data(), bias.data()));
  quantized_.scale(scale_);
  return {};
}

Status Linear::make(int64_t inputs, int64_t outputs, const float* weight, const float* bias) {
  inputs_ = inputs;
  outputs_ = outputs;
  if (type_ == WeightType::kInt8) {
    BEIT_ASSIGN(quantized_, Int8Matrix::quantize(inputs, outputs, weight, bias));
  } else {
    BEIT_ASSIGN(matrix_, PackedMatrix::pack(inputs, outputs, weight, /*weight_stride=*/inputs, bias));
  }
  return {};
}

Status Linear::run(const ThreadPool& pool, int64_t rows, const float* input, float* output) const {
  BEIT_ASSIGN(const LinearInput prepared, LinearInput::make(pool, type_, rows, inputs_, outputs_, input));
  run(pool, prepared, output);
  return {};
}

void Linear::run(const ThreadPool& pool, const LinearInput& input, float* output) const {
  assert(ready());
  const WorkTimer timer(pool.profile(), Work::kLinear,
                        2.0 * static_cast<double>(input.rows_) * static_cast<double>(inputs_ * outputs_));
  if (type_ == WeightType::kInt8)
    quantized_.multiply(pool, input.quantized_, output, outputs_);
  else if (!input.strassen_.empty() && StrassenRows::suits(input.rows_, inputs_, outputs_))
    input.strassen_.multiply(pool, matrix_, output);
  else
    matrix_.multiply(pool, input.rows_, input.values_, inputs_, output, outputs_);
}

}  // namespace beit
