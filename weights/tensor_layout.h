// Elements of a checkpoint's tensor in the order that its parameter has them.
#pragma once

#include <cstdint>
#include <vector>

#include "src/tensor.h"
#include "weights/naming.h"

namespace beit {

// Returns the shape that a file's tensor has when it holds, as `target` says, a parameter of `shape`.
Shape fileShape(const Shape& shape, const Target& target);

// to = the elements of a view of `shape` whose neighbours along axis i lie strides[i] apart, row-major.
void gatherStrided(const float* from, const Shape& shape, const std::vector<int64_t>& strides, float* to);

// to = the elements of a tensor of `file_shape` and `layout`, in its parameter's order.
void toRowMajor(Layout layout, const Shape& file_shape, const float* from, float* to);

}  // namespace beit
