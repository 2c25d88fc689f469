// A fully connected layer, y = x W^T + b, on XNNPACK's f32 operator. XNNPACK copies the weights into
// the layout of its kernel when the operator is made, so the caller's copy can go at once.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "src/parameters.h"
#include "src/result.h"
#include "src/tensor.h"
#include "src/tensor_group.h"
#include "src/thread_pool.h"

struct xnn_operator;

namespace beit {

// Prepares XNNPACK; calling it again does nothing. Error: kInternal when it refuses this machine.
Status initializeXnnpack();

class Linear {
 public:
  Linear() = default;

  // Adds "PREFIX.weight" (outputs, inputs) and, if has_bias, "PREFIX.bias" (outputs) to the list.
  // When both have arrived the operator is made, times `scale`.
  // The layer must stay at its address until the list has been filled.
  void declare(ParameterList& parameters, const std::string& prefix, int64_t inputs, int64_t outputs,
               bool has_bias, float scale = 1.0f);

  // The same for a convolution without overlap (stride = kernel): "PREFIX.weight" has `shape`
  // (outputs, channels, height, width), and a row of input is a patch in that order. With bias.
  void declareConvolution(ParameterList& parameters, const std::string& prefix, const Shape& shape);

  // Makes the operator of `weight` (outputs, inputs) and `bias` (outputs), or null, which are copied.
  Status make(int64_t inputs, int64_t outputs, const float* weight, const float* bias);

  bool ready() const { return operator_ != nullptr; }
  int64_t inputs() const { return inputs_; }
  int64_t outputs() const { return outputs_; }

  // Computes `rows` rows of `outputs()` floats from `rows` rows of `inputs()` floats, both dense.
  // `input` must be readable for FloatBuffer::kSlack floats past its end.
  Status run(const ThreadPool& pool, int64_t rows, const float* input, float* output) const;

 private:
  void declareShaped(ParameterList& parameters, const std::string& prefix, Shape weight_shape, bool has_bias);
  Status pack(std::span<float> weight);

  struct Delete { void operator()(xnn_operator* op) const; };
  std::unique_ptr<xnn_operator, Delete> operator_;
  int64_t inputs_ = 0, outputs_ = 0;
  float scale_ = 1.0f;
  TensorGroup group_;
  FloatBuffer bias_;  // until the weight has come
};

}  // namespace beit
