#include "src/linear.h"

#include <limits>

#include "src/xnnpack_status.h"

namespace beit {

Status initializeXnnpack() {
  const xnn_status status = xnn_initialize(nullptr);
  if (status != xnn_status_success) return xnnpackError("Start", status);
  return {};
}

void Linear::Delete::operator()(xnn_operator* op) const { xnn_delete_operator(op); }

void Linear::declare(ParameterList& parameters, const std::string& prefix, int64_t inputs, int64_t outputs,
                     bool has_bias, float scale) {
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
  group_.addLarge(parameters, prefix + ".weight", std::move(weight_shape),
                  [this](std::span<float> weight) { return pack(weight); });
}

Status Linear::pack(std::span<float> weight) {
  FloatBuffer bias = std::move(bias_);
  if (scale_ != 1.0f) {
    for (float& value : weight) value *= scale_;
    for (float& value : bias.span()) value *= scale_;
  }
  return make(inputs_, outputs_, weight.data(), bias.data());
}

Status Linear::make(int64_t inputs, int64_t outputs, const float* weight, const float* bias) {
  inputs_ = inputs;
  outputs_ = outputs;
  constexpr float kUnbounded = std::numeric_limits<float>::infinity();
  const auto in = static_cast<size_t>(inputs), out = static_cast<size_t>(outputs);
  xnn_operator_t op = nullptr;
  const xnn_status status = xnn_create_fully_connected_nc_f32(
      in, out, /*input_stride=*/in, /*output_stride=*/out, weight, bias, -kUnbounded, kUnbounded, /*flags=*/0,
      /*code_cache=*/nullptr, /*weights_cache=*/nullptr, &op);
  if (status != xnn_status_success) return xnnpackError("Packing a fully connected layer", status);
  operator_.reset(op);
  return {};
}

Status Linear::run(const ThreadPool& pool, int64_t rows, const float* input, float* output) const {
  assert(ready());
  const WorkTimer timer(pool.profile(), Work::kLinear, 2.0 * static_cast<double>(rows * inputs_ * outputs_));
  static_assert(FloatBuffer::kSlack * sizeof(float) >= XNN_EXTRA_BYTES);
  xnn_operator_t op = operator_.get();
  xnn_status status = xnn_reshape_fully_connected_nc_f32(op, static_cast<size_t>(rows), pool.handle());
  if (status == xnn_status_success) status = xnn_setup_fully_connected_nc_f32(op, input, output);
  if (status == xnn_status_success) status = xnn_run_operator(op, pool.handle());
  if (status != xnn_status_success) return xnnpackError("Running a fully connected layer", status);
  return {};
}

}  // namespace beit
