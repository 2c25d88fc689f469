// A fully connected layer, y = x W^T + b. Weights are packed, or quantised and packed, when they arrive,
// so the caller's copy can go at once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "src/base/result.h"
#include "src/base/tensor.h"
#include "src/kernels/execution.h"
#include "src/kernels/gemm/weight_matrix.h"
#include "src/layers/linear_parameters.h"

namespace beit {

class Linear {
 public:
  Linear() = default;
  // For make(); declare() says its own type and sizes.
  Linear(WeightType type, int64_t inputs, int64_t outputs) : format_(&formatOf(type)), inputs_(inputs), outputs_(outputs) {}

  // Adds "PREFIX.weight" (outputs, inputs) and, if has_bias, "PREFIX.bias" (outputs) to the list.
  // When both have arrived the layer is made, times `scale`, on the threads of `execution`, which must stay until then. A quantised one
  // takes weights that are stored so as they are, and the same from floats as a file that was converted from them holds. The layer must
  // stay at its address until the list has been filled.
  void declare(const Execution& execution, ParameterList& parameters, const std::string& prefix, int64_t inputs, int64_t outputs,
               bool has_bias, WeightType type = WeightType::kFloat32, float scale = 1.0f);

  // The same for a convolution without overlap (stride = kernel): "PREFIX.weight" has `shape`
  // (outputs, channels, height, width), and a row of input is a patch in that order. With bias, in floats.
  void declareConvolution(const Execution& execution, ParameterList& parameters, const std::string& prefix, const Shape& shape);

  // Makes the layer of `weight` (outputs, inputs) and `bias` (outputs), or null, which are copied.
  Status make(const Execution& execution, const float* weight, const float* bias);

  bool ready() const { return matrix_ != nullptr; }
  int64_t inputs() const { return inputs_; }
  int64_t outputs() const { return outputs_; }

  // Prepares `rows` dense rows of inputs() floats for this layer and for others of the same type and sizes that read
  // them too. `input` must stay as long as what is returned. Error: kOutOfMemory.
  Result<std::unique_ptr<PreparedRows>> prepare(const Execution& execution, int64_t rows, const float* input) const;

  // Computes rows of outputs() floats, dense, from prepared ones.
  void run(const Execution& execution, const PreparedRows& rows, float* output) const;

  // The same from `rows` dense rows of inputs() floats. Error: kOutOfMemory.
  Status run(const Execution& execution, int64_t rows, const float* input, float* output) const;

 private:
  void declareShaped(const Execution& execution, ParameterList& parameters, const std::string& prefix, Shape weight_shape, bool has_bias,
                     float scale);

  const MatrixFormat* format_ = &formatOf(WeightType::kFloat32);
  std::unique_ptr<const WeightMatrix> matrix_;
  int64_t inputs_ = 0, outputs_ = 0;
  LinearParameters parameters_;
};

}  // namespace beit
