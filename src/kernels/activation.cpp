#include "src/kernels/activation.h"

#include <array>

#include "src/kernels/activation_kernels.h"

namespace beit {

namespace {

struct Row {
  std::string_view name;
  Activation activation;
  void (*kernel)(const Execution& execution, float* values, int64_t count);
};

// The first row of an activation has its name. The last three are the reference's other ways to compute gelu and
// gelu_new (activations.py).
constexpr std::array<Row, 13> kRows{{{"gelu", Activation::kGelu, activations::gelu},
                                     {"gelu_new", Activation::kGeluNew, activations::geluNew},
                                     {"gelu_pytorch_tanh", Activation::kGeluPytorchTanh, activations::geluNew},
                                     {"quick_gelu", Activation::kQuickGelu, activations::quickGelu},
                                     {"relu", Activation::kRelu, activations::relu},
                                     {"silu", Activation::kSilu, activations::silu},
                                     {"swish", Activation::kSilu, activations::silu},
                                     {"tanh", Activation::kTanh, activations::tanh},
                                     {"sigmoid", Activation::kSigmoid, activations::sigmoid},
                                     {"linear", Activation::kLinear, activations::identity},
                                     {"gelu_python", Activation::kGelu, activations::gelu},
                                     {"gelu_fast", Activation::kGeluNew, activations::geluNew},
                                     {"gelu_accurate", Activation::kGeluNew, activations::geluNew}}};

const Row& rowOf(Activation activation) {
  for (const Row& row : kRows)
    if (row.activation == activation) return row;
  return kRows.front();
}

}  // namespace

std::string_view toString(Activation activation) { return rowOf(activation).name; }

std::optional<Activation> activationOf(std::string_view name) {
  for (const Row& row : kRows)
    if (row.name == name) return row.activation;
  return std::nullopt;
}

std::string activationNames() {
  std::string names;
  for (const Row& row : kRows) names += (names.empty() ? "" : ", ") + std::string(row.name);
  return names;
}

void applyActivation(const Execution& execution, Activation activation, float* values, int64_t count) {
  const WorkTimer timer(execution.profile(), Work::kActivation);
  rowOf(activation).kernel(execution, values, count);
}

}  // namespace beit
