// The label of each pixel, against the whole resized array in double precision.
#include "src/beit/segmentation/segmentation_map.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <random>
#include <vector>

using namespace beit;

namespace {

Tensor randomLogits(Shape shape, uint32_t seed) {
  Tensor logits = *Tensor::allocate(std::move(shape), "logits");
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  for (float& value : logits.values.span()) value = normal(generator);
  return logits;
}

double resizedAt(const Tensor& logits, int64_t label, Size size, int64_t y, int64_t x) {
  const int64_t h = logits.shape[1], w = logits.shape[2];
  const auto source = [](int64_t o, int64_t from, int64_t to) {
    return std::max(0.0, (static_cast<double>(o) + 0.5) * static_cast<double>(from) / static_cast<double>(to) - 0.5);
  };
  const double sy = source(y, h, size.height), sx = source(x, w, size.width);
  const auto y0 = static_cast<int64_t>(sy), x0 = static_cast<int64_t>(sx);
  const double fy = sy - static_cast<double>(y0), fx = sx - static_cast<double>(x0);
  const auto at = [&](int64_t yy, int64_t xx) {
    return static_cast<double>(logits.values.data()[(label * h + std::min(yy, h - 1)) * w + std::min(xx, w - 1)]);
  };
  return (1 - fy) * ((1 - fx) * at(y0, x0) + fx * at(y0, x0 + 1)) + fy * ((1 - fx) * at(y0 + 1, x0) + fx * at(y0 + 1, x0 + 1));
}

}  // namespace

TEST_CASE("labels and scores are those of the resized logits", "[segmentation]") {
  const auto execution = Execution::create(BEIT_TEST_THREADS);
  REQUIRE(execution.ok());
  const Tensor logits = randomLogits({7, 9, 12}, 5);
  for (const Size size : {Size{9, 12}, Size{40, 31}, Size{5, 6}, Size{1, 1}}) {
    const auto map = segmentationMap(**execution, logits, size, /*with_scores=*/true);
    REQUIRE(map.ok());
    REQUIRE(map->size == size);
    for (int64_t y = 0; y < size.height; ++y)
      for (int64_t x = 0; x < size.width; ++x) {
        std::vector<double> values;
        for (int64_t l = 0; l < 7; ++l) values.push_back(resizedAt(logits, l, size, y, x));
        const auto pixel = static_cast<size_t>(y * size.width + x);
        const double most = *std::max_element(values.begin(), values.end());
        double total = 0.0;
        for (const double value : values) total += std::exp(value - most);
        CHECK(values[map->labels[pixel]] >= most - 1e-5);  // two labels may be equal but for rounding
        CHECK(std::abs(map->scores[pixel] - 1.0 / total) < 1e-5);
      }
  }
}

TEST_CASE("counts and colours are those of the labels", "[segmentation]") {
  const auto execution = Execution::create(BEIT_TEST_THREADS);
  REQUIRE(execution.ok());
  for (const Shape& shape : {Shape{7, 9, 12}, Shape{1, 3, 3}}) {
    const Tensor logits = randomLogits(shape, 5);
    const auto labels = static_cast<size_t>(shape[0]);
    std::vector<uint32_t> palette;
    for (size_t id = 0; id < labels; ++id) palette.push_back(0x80c0de00u + static_cast<uint32_t>(id) * 0x01010101u);
    const auto map = segmentationMap(**execution, logits, {40, 31}, /*with_scores=*/false, palette);
    REQUIRE(map.ok());
    REQUIRE(map->counts.size() == labels);
    REQUIRE(map->overlay.size() == map->labels.size());
    std::vector<uint32_t> counts(labels);
    for (size_t i = 0; i < map->labels.size(); ++i) {
      ++counts[map->labels[i]];
      CHECK(map->overlay[i] == palette[map->labels[i]]);
    }
    CHECK(std::equal(counts.begin(), counts.end(), map->counts.begin(), map->counts.end()));
  }
}

TEST_CASE("without a size the map has the logits' own, and no scores", "[segmentation]") {
  const auto execution = Execution::create(1);
  const Tensor logits = randomLogits({3, 4, 5}, 1);
  const auto map = segmentationMap(**execution, logits, {}, false);
  REQUIRE(map.ok());
  CHECK(map->size == Size{4, 5});
  CHECK(map->scores.empty());
  CHECK(map->overlay.empty());
}

TEST_CASE("sizes that make no sense are refused", "[segmentation]") {
  const auto execution = Execution::create(1);
  const Tensor logits = randomLogits({3, 4, 5}, 1);
  CHECK(segmentationMap(**execution, logits, {-1, 5}, false).error().code == ErrorCode::kInvalidArgument);
  CHECK(segmentationMap(**execution, logits, {int64_t{1} << 40, int64_t{1} << 40}, false).error().code == ErrorCode::kInvalidArgument);
  CHECK(segmentationMap(**execution, randomLogits({3, 4}, 1), {}, false).error().code == ErrorCode::kWrongShape);
  const std::vector<uint32_t> few(2), more(4);
  CHECK(segmentationMap(**execution, logits, {}, false, few).error().message == "palette: got 2 colours, expected 3, one for each label.");
  CHECK(segmentationMap(**execution, logits, {}, false, more).error().code == ErrorCode::kWrongShape);
}
