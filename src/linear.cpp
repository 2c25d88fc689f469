#include "src/linear.h"

#include <xnnpack.h>

#include <limits>

namespace beit {

namespace {

Error refused(const char* what, xnn_status status) {
  if (status == xnn_status_out_of_memory)
    return failure(ErrorCode::kOutOfMemory, what, "XNNPACK found no memory");
  return failure(ErrorCode::kInternal, what, "XNNPACK answered with status " + std::to_string(static_cast<int>(status)));
}

}  // namespace

Status initializeXnnpack() {
  const xnn_status status = xnn_initialize(nullptr);
  if (status != xnn_status_success) return refused("Start", status);
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
  has_bias_ = has_bias;
  parameters.add(prefix + ".weight", std::move(weight_shape), [this](std::span<float> weight) -> Status {
    if (!has_bias_ || !waiting_bias_.empty()) return pack(weight);
    BEIT_ASSIGN(waiting_weight_, FloatBuffer::copyOf(weight, "a weight that waits for its bias"));
    return {};
  });
  if (!has_bias) return;
  parameters.add(prefix + ".bias", {outputs_}, [this](std::span<float> bias) -> Status {
    BEIT_ASSIGN(waiting_bias_, FloatBuffer::copyOf(bias, "a bias that waits for its weight"));
    if (waiting_weight_.empty()) return {};
    FloatBuffer weight = std::move(waiting_weight_);
    return pack(weight.span());
  });
}

Status Linear::pack(std::span<float> weight) {
  FloatBuffer bias = std::move(waiting_bias_);
  if (scale_ != 1.0f) {
    for (float& value : weight) value *= scale_;
    for (float& value : bias.span()) value *= scale_;
  }
  constexpr float kUnbounded = std::numeric_limits<float>::infinity();
  const auto inputs = static_cast<size_t>(inputs_), outputs = static_cast<size_t>(outputs_);
  xnn_operator_t op = nullptr;
  const xnn_status status = xnn_create_fully_connected_nc_f32(
      inputs, outputs, /*input_stride=*/inputs, /*output_stride=*/outputs, weight.data(),
      has_bias_ ? bias.data() : nullptr, -kUnbounded, kUnbounded, /*flags=*/0,
      /*code_cache=*/nullptr, /*weights_cache=*/nullptr, &op);
  if (status != xnn_status_success) return refused("Packing a fully connected layer", status);
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
  if (status != xnn_status_success) return refused("Running a fully connected layer", status);
  return {};
}

}  // namespace beit
