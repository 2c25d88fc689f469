// The tensors of a fully connected layer, declared apart from what computes with them: whoever packs them for a
// device or writes them to a file takes the same names and shapes.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "src/base/tensor.h"
#include "src/parameters/parameter_group.h"
#include "src/parameters/parameters.h"

namespace beit {

class LinearParameters {
 public:
  // Called once, when weight and bias have arrived. The receiver may change the weight in place; an empty bias stands
  // for zeros.
  using Receive = std::function<Status(std::span<float> weight, FloatBuffer bias)>;
  using ReceiveQuantized = std::function<Status(QuantizedValues weight, FloatBuffer bias)>;

  // Adds "PREFIX.weight" of `weight_shape` (outputs, …) and, if has_bias, "PREFIX.bias" (outputs) to the list. This
  // must stay at its address until the list has been filled. `bytes` as in ParameterList::add(). Where the weight is
  // taken quantised as well, one of the two functions is called.
  void declare(ParameterList& parameters, const std::string& prefix, Shape weight_shape, bool has_bias, Receive receive, int64_t bytes = -1,
               ReceiveQuantized receive_quantized = nullptr);

 private:
  ParameterGroup group_;
  FloatBuffer bias_;  // until the weight has come
};

}  // namespace beit
