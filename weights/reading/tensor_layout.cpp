#include "weights/reading/tensor_layout.h"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "src/base/order.h"

namespace beit {

Shape fileShape(const Shape& shape, const ParameterShare& target) {
  Shape file = shape;
  if (target.layout == TensorLayout::kTransposed) std::reverse(file.begin(), file.end());
  if (target.layout == TensorLayout::kHwio && file.size() == 4) file = {shape[2], shape[3], shape[1], shape[0]};
  if (!file.empty()) file[0] *= target.parts;
  return file;
}

namespace {

// Returns which axis of a file's tensor each axis of its parameter is.
std::vector<size_t> axesOf(TensorLayout layout, size_t rank) {
  std::vector<size_t> axes(rank);
  std::iota(axes.begin(), axes.end(), size_t{0});
  if (layout == TensorLayout::kTransposed) std::reverse(axes.begin(), axes.end());
  if (layout == TensorLayout::kHwio && rank == 4) axes = {3, 2, 0, 1};
  return axes;
}

}  // namespace

std::optional<AxisScatter> AxisScatter::create(const Shape& shape, const std::vector<int64_t>& strides, TensorLayout layout) {
  // The axes as the file has them: longest stride first. Strides of axes of one element say nothing.
  std::vector<SortKey> keys(shape.size());
  for (size_t axis = 0; axis < strides.size(); ++axis) keys[axis].first = shape[axis] == 1 ? INT64_MIN : -strides[axis];
  const std::vector<size_t> order = orderOf(keys);
  if (!strides.empty()) {
    int64_t dense = 1;
    for (size_t i = order.size(); i-- > 0;) {
      if (shape[order[i]] != 1 && strides[order[i]] != dense) return std::nullopt;
      dense *= shape[order[i]];
    }
  }
  const std::vector<size_t> axes = axesOf(layout, shape.size());
  std::vector<int64_t> to(shape.size());
  int64_t stride = 1;
  for (size_t i = axes.size(); i-- > 0;) {
    to[axes[i]] = stride;
    stride *= shape[axes[i]];
  }
  AxisScatter scatter;
  for (const size_t axis : order) {
    scatter.shape_.push_back(shape[axis]);
    scatter.strides_.push_back(to[axis]);
  }
  scatter.index_.resize(shape.size());
  return scatter;
}

void AxisScatter::put(std::span<const float> values, float* to) {
  if (shape_.empty()) {
    for (const float value : values) *to = value;
    return;
  }
  const size_t last = shape_.size() - 1;
  const int64_t stride = strides_[last];
  while (!values.empty()) {
    const auto run = std::min(values.size(), static_cast<size_t>(shape_[last] - index_[last]));
    for (size_t i = 0; i < run; ++i) to[offset_ + static_cast<int64_t>(i) * stride] = values[i];
    values = values.subspan(run);
    index_[last] += static_cast<int64_t>(run);
    offset_ += static_cast<int64_t>(run) * stride;
    for (size_t axis = last; axis > 0 && index_[axis] == shape_[axis]; --axis) {
      offset_ += strides_[axis - 1] - strides_[axis] * shape_[axis];
      index_[axis] = 0;
      ++index_[axis - 1];
    }
    assert(index_[0] < shape_[0] || values.empty());
  }
}

void gatherStrided(const float* from, const Shape& shape, const std::vector<int64_t>& strides, TensorLayout layout, float* to) {
  const std::vector<size_t> axes = axesOf(layout, shape.size());
  std::vector<int64_t> index(shape.size());
  const int64_t count = *elementCount(shape);
  int64_t offset = 0;
  for (int64_t i = 0; i < count; ++i) {
    to[i] = from[offset];
    for (size_t a = axes.size(); a-- > 0;) {
      const size_t axis = axes[a];
      offset += strides[axis];
      if (++index[axis] < shape[axis]) break;
      offset -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

}  // namespace beit
