// Elements of a checkpoint's tensor in the order that its parameter has them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "src/base/tensor.h"
#include "weights/reading/names/naming.h"

namespace beit {

// Returns the shape that a file's tensor has when it holds, as `target` says, a parameter of `shape`.
Shape fileShape(const Shape& shape, const ParameterShare& target);

// Puts a tensor's elements, as they come from its file, where its parameter has them: a tensor whose
// axes the file has in another order needs no second buffer.
class AxisScatter {
 public:
  // For a tensor of `shape` whose neighbours along axis i lie strides[i] apart (no strides: row-major)
  // and for its parameter in `layout`. Returns nothing where the strides are those of no transposed
  // tensor, but leave elements out or repeat them.
  static std::optional<AxisScatter> create(const Shape& shape, const std::vector<int64_t>& strides, TensorLayout layout);

  // Takes the next elements; `to` is where the parameter's first element goes.
  void put(std::span<const float> values, float* to);

 private:
  AxisScatter() = default;

  // The axes in the file's order, outermost first: their sizes, their strides in the parameter, and
  // the index of the next element.
  Shape shape_;
  std::vector<int64_t> strides_, index_;
  int64_t offset_ = 0;  // of the next element in the parameter
};

// to = the elements of a view of `shape` whose neighbours along axis i lie strides[i] apart, as its
// parameter in `layout` has them.
void gatherStrided(const float* from, const Shape& shape, const std::vector<int64_t>& strides, TensorLayout layout, float* to);

}  // namespace beit
