#include "weights/tensor_layout.h"

#include <algorithm>

namespace beit {

Shape fileShape(const Shape& shape, const Target& target) {
  Shape file = shape;
  if (target.layout == Layout::kTransposed) std::reverse(file.begin(), file.end());
  if (target.layout == Layout::kHwio && file.size() == 4) file = {shape[2], shape[3], shape[1], shape[0]};
  if (!file.empty()) file[0] *= target.parts;
  return file;
}

void gatherStrided(const float* from, const Shape& shape, const std::vector<int64_t>& strides, float* to) {
  std::vector<int64_t> index(shape.size());
  const int64_t count = *elementCount(shape);
  int64_t offset = 0;
  for (int64_t i = 0; i < count; ++i) {
    to[i] = from[offset];
    for (size_t axis = shape.size(); axis-- > 0;) {
      offset += strides[axis];
      if (++index[axis] < shape[axis]) break;
      offset -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

void toRowMajor(Layout layout, const Shape& file_shape, const float* from, float* to) {
  std::vector<int64_t> strides(file_shape.size(), 1);
  for (size_t axis = file_shape.size(); axis-- > 1;) strides[axis - 1] = strides[axis] * file_shape[axis];
  // The axes of the file's tensor, in the parameter's order.
  std::vector<size_t> axes(file_shape.size());
  for (size_t axis = 0; axis < axes.size(); ++axis) axes[axis] = layout == Layout::kTransposed ? axes.size() - 1 - axis : axis;
  if (layout == Layout::kHwio) axes = {3, 2, 0, 1};
  Shape shape;
  std::vector<int64_t> order;
  for (const size_t axis : axes) {
    shape.push_back(file_shape[axis]);
    order.push_back(strides[axis]);
  }
  gatherStrided(from, shape, order, to);
}

}  // namespace beit
