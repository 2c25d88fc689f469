// Tensors whose axes a file has in another order than their parameter.
#include "weights/reading/tensor_layout.h"

#include <catch2/catch_test_macros.hpp>
#include <numeric>

namespace {

using namespace beit;

std::vector<float> counted(int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  std::iota(values.begin(), values.end(), 1.0f);
  return values;
}

// Scatters a file's elements 1, 2, 3, … in pieces of that size.
std::vector<float> scattered(const Shape& shape, const std::vector<int64_t>& strides, TensorLayout layout, size_t piece) {
  auto scatter = AxisScatter::create(shape, strides, layout);
  REQUIRE(scatter);
  const std::vector<float> values = counted(*elementCount(shape));
  std::vector<float> out(values.size());
  for (size_t at = 0; at < values.size(); at += piece)
    scatter->put(std::span(values).subspan(at, std::min(piece, values.size() - at)), out.data());
  return out;
}

// What scattered() should be, by the definition of strides.
std::vector<float> gathered(const Shape& shape, std::vector<int64_t> strides, TensorLayout layout) {
  if (strides.empty()) {
    strides.assign(shape.size(), 1);
    for (size_t axis = shape.size(); axis-- > 1;) strides[axis - 1] = strides[axis] * shape[axis];
  }
  const std::vector<float> values = counted(*elementCount(shape));
  std::vector<float> out(values.size());
  gatherStrided(values.data(), shape, strides, layout, out.data());
  return out;
}

}  // namespace

TEST_CASE("Flax's kernels are transposed as they come", "[layout]") {
  CHECK(scattered({2, 3}, {}, TensorLayout::kTransposed, 6) == std::vector<float>{1, 4, 2, 5, 3, 6});
  // (height, width, inputs, outputs) = (1, 2, 2, 2) for (outputs, inputs, height, width).
  CHECK(scattered({1, 2, 2, 2}, {}, TensorLayout::kHwio, 8) == std::vector<float>{1, 5, 3, 7, 2, 6, 4, 8});
  CHECK(scattered({3}, {}, TensorLayout::kTransposed, 2) == std::vector<float>{1, 2, 3});
  CHECK(scattered({}, {}, TensorLayout::kSame, 1) == std::vector<float>{1});
}

TEST_CASE("scattering is gathering, in pieces of any size", "[layout]") {
  struct Case {
    Shape shape;
    std::vector<int64_t> strides;
    TensorLayout layout;
  };
  const Case cases[] = {
      {{5, 7}, {}, TensorLayout::kTransposed},
      {{2, 3, 4, 5}, {}, TensorLayout::kHwio},
      {{3, 4}, {1, 3}, TensorLayout::kSame},                // .t()
      {{3, 4}, {1, 3}, TensorLayout::kTransposed},          // and back
      {{2, 3, 4, 5}, {60, 1, 15, 3}, TensorLayout::kSame},  // channels last
      {{4, 1, 3}, {1, 77, 4}, TensorLayout::kSame},         // an axis of one element, whose stride says nothing
      {{2, 3, 4}, {12, 4, 1}, TensorLayout::kSame},
  };
  for (const auto& [shape, strides, layout] : cases)
    for (const size_t piece : {size_t{1}, size_t{2}, size_t{7}, size_t{1000}}) {
      CAPTURE(toString(shape), piece);
      CHECK(scattered(shape, strides, layout, piece) == gathered(shape, strides, layout));
    }
}

TEST_CASE("views that leave elements out or repeat them cannot be scattered", "[layout]") {
  CHECK(!AxisScatter::create({3, 2}, {4, 1}, TensorLayout::kSame));  // two of four columns
  CHECK(!AxisScatter::create({3}, {2}, TensorLayout::kSame));        // every other element
  CHECK(!AxisScatter::create({3, 2}, {0, 1}, TensorLayout::kSame));  // one row, expanded
  CHECK(!AxisScatter::create({2, 2}, {1, 1}, TensorLayout::kSame));  // a window that slides
  const float from[] = {1, 2, 3, 4, 5, 6, 7, 8};
  float to[4] = {};
  gatherStrided(from, {2, 2}, {4, 2}, TensorLayout::kSame, to);
  CHECK(std::vector(to, to + 4) == std::vector<float>{1, 3, 5, 7});
  gatherStrided(from, {2, 2}, {4, 2}, TensorLayout::kTransposed, to);
  CHECK(std::vector(to, to + 4) == std::vector<float>{1, 5, 3, 7});
}
