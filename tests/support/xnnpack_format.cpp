#include "tests/support/xnnpack_format.h"

#include <xnnpack.h>

#include <cassert>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "src/base/vector_size.h"

namespace beit::test {

namespace {

Error refused(xnn_status status) {
  return failure(ErrorCode::kInternal, "a fully connected layer",
                 "XNNPACK answered with status " + std::to_string(static_cast<int>(status)));
}

struct Delete {
  void operator()(xnn_operator* op) const { xnn_delete_operator(op); }
};

class XnnpackRows final : public PreparedRows {
 public:
  XnnpackRows(int64_t rows, const float* values) : PreparedRows(rows), values_(values) {}
  const float* values() const { return values_; }

 private:
  const float* values_;
};

class XnnpackMatrix final : public WeightMatrix {
 public:
  explicit XnnpackMatrix(xnn_operator* op) : operator_(op) {}

  void multiply(const Execution& execution, const PreparedRows& rows, float* output) const override {
    pthreadpool* threads = execution.pool().handle();
    xnn_status status = xnn_reshape_fully_connected_nc_f32(operator_.get(), static_cast<size_t>(rows.rows()), threads);
    if (status == xnn_status_success)
      status = xnn_setup_fully_connected_nc_f32(operator_.get(), static_cast<const XnnpackRows&>(rows).values(), output);
    if (status == xnn_status_success) status = xnn_run_operator(operator_.get(), threads);
    assert(status == xnn_status_success);  // neither takes memory: shapes are the operator's own
    static_cast<void>(status);
  }

 private:
  std::unique_ptr<xnn_operator, Delete> operator_;
};

class XnnpackFormat final : public MatrixFormat {
 public:
  Result<std::unique_ptr<WeightMatrix>> pack(const Execution&, int64_t inputs, int64_t outputs, const float* weight, const float* bias,
                                             float scale) const override {
    constexpr float kUnbounded = std::numeric_limits<float>::infinity();
    const auto in = vectorSize(inputs), out = vectorSize(outputs);
    std::vector<float> scaled;
    if (scale != 1.0f) {
      scaled.assign(weight, weight + vectorSize(inputs * outputs));
      if (bias) scaled.insert(scaled.end(), bias, bias + out);
      for (float& value : scaled) value *= scale;
      weight = scaled.data();
      if (bias) bias = scaled.data() + inputs * outputs;
    }
    if (const xnn_status status = xnn_initialize(nullptr); status != xnn_status_success) return refused(status);
    xnn_operator* op = nullptr;
    const xnn_status status = xnn_create_fully_connected_nc_f32(in, out, in, out, weight, bias, -kUnbounded, kUnbounded,
                                                                /*flags=*/0, nullptr, nullptr, &op);
    if (status != xnn_status_success) return refused(status);
    if (!op) return refused(xnn_status_out_of_memory);
    return std::unique_ptr<WeightMatrix>(std::make_unique<XnnpackMatrix>(op));
  }

  Result<std::unique_ptr<PreparedRows>> prepare(const Execution&, int64_t rows, int64_t, int64_t, const float* values) const override {
    return std::unique_ptr<PreparedRows>(std::make_unique<XnnpackRows>(rows, values));
  }

  int64_t weightBytes(int64_t inputs, int64_t outputs) const override {
    return static_cast<int64_t>(sizeof(float)) * (inputs + 1) * ((outputs + 7) / 8 * 8);
  }
};

}  // namespace

const MatrixFormat& xnnpackFormat() {
  static const XnnpackFormat format;
  return format;
}

}  // namespace beit::test
