// The tensors that one packed operator is made of: they arrive in the file's order, and the operator
// can be made when the last one is there.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "src/base/buffer.h"
#include "src/base/tensor.h"
#include "src/parameters/parameters.h"

namespace beit {

class ParameterGroup {
 public:
  // Called once, with the large tensor's values, when all have arrived. It may change them in place.
  using Make = std::function<Status(std::span<float> large)>;

  // The same for a large tensor that arrives quantised.
  using MakeQuantized = std::function<Status(QuantizedValues large)>;

  // Adds a small tensor, kept in `slot` as it comes.
  void add(ParameterList& parameters, std::string name, Shape shape, FloatBuffer& slot);

  // Adds the one large tensor, last. It is copied only if it arrives before a small one. The group
  // must stay at its address until the list has been filled. `bytes` as in ParameterList::add(). Where it
  // is taken quantised as well, one of both functions is called.
  void addWeight(ParameterList& parameters, std::string name, Shape shape, Make make, int64_t bytes = -1,
                 MakeQuantized make_quantized = nullptr);

 private:
  int missing_small_ = 0;
  FloatBuffer waiting_;  // the large tensor, or its scales, where it came first
  Buffer<int8_t> waiting_values_;
  Make make_;
  MakeQuantized make_quantized_;
};

}  // namespace beit
