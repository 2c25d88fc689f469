#include "src/training/training_batch.h"

#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "src/training/drop_path.h"

namespace beit {
namespace {

TrainingBatch batchOf(int64_t size) {
  auto batch = TrainingBatch::allocate(size, {1, 2, 3});
  REQUIRE(batch.ok());
  for (int64_t i = 0; i < size; ++i) REQUIRE(batch->add(std::vector<float>(6, static_cast<float>(i)), i % 3, 3).ok());
  return std::move(batch).value();
}

std::vector<float> valuesOf(const TrainingInputs& inputs) {
  const auto span = inputs.pixel_values.values.span();
  return {span.begin(), span.end()};
}

TEST_CASE("a micro-batch is its part of the batch", "[training_batch]") {
  TrainingBatch batch = batchOf(4);
  const auto plain = batch.inputs(1, 2, {}, 0, 0);
  REQUIRE(plain.ok());
  CHECK(plain->pixel_values.shape == Shape{2, 1, 2, 3});
  CHECK(valuesOf(*plain) == std::vector<float>{1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2});
  CHECK(std::get<std::vector<int32_t>>(plain->labels->values) == std::vector<int32_t>{1, 2});
  CHECK(plain->branch_scale.empty());

  TrainingSettings settings;
  settings.smoothing = 0.3;
  settings.mixup = 1.0;
  REQUIRE(batch.mix(settings, 5, 3).ok());
  const std::vector<double> rates = dropPathRates(0.5, 3);
  const auto whole = batch.inputs(0, 4, rates, 7, 5), part = batch.inputs(1, 2, rates, 7, 5);
  REQUIRE((whole.ok() && part.ok()));
  CHECK(part->labels->shape == Shape{2, 3});
  const auto& all = std::get<std::vector<float>>(whole->labels->values);
  CHECK(std::get<std::vector<float>>(part->labels->values) == std::vector<float>(all.begin() + 3, all.begin() + 9));
  const auto pixels = valuesOf(*whole);
  CHECK(valuesOf(*part) == std::vector<float>(pixels.begin() + 6, pixels.begin() + 18));
  REQUIRE(whole->branch_scale.size() == 3 * 2 * 4);
  REQUIRE(part->branch_scale.size() == 3 * 2 * 2);
  for (size_t branch = 0; branch < 6; ++branch) {
    for (size_t i = 0; i < 2; ++i) CHECK(part->branch_scale[branch * 2 + i] == whole->branch_scale[branch * 4 + i + 1]);
  }
  CHECK(batch.inputs(1, 2, dropPathRates(0.0, 3), 7, 5)->branch_scale.empty());
}

TEST_CASE("examples are told by states as by pixels, but are not mixed then", "[training_batch]") {
  auto batch = TrainingBatch::allocate(3, {1, 2, 3}, {5, 2});
  REQUIRE(batch.ok());
  CHECK(batch->add(std::vector<float>(6), 0, 3).error().code == ErrorCode::kWrongShape);
  for (int64_t i = 0; i < 3; ++i) REQUIRE(batch->add(std::vector<float>(10, static_cast<float>(i)), i, 3).ok());
  TrainingSettings settings;
  settings.mixup = 1.0;
  CHECK(batch->mix(settings, 0, 3).error().code == ErrorCode::kInvalidArgument);
  REQUIRE(batch->mix({}, 0, 3).ok());
  const auto part = batch->inputs(1, 2, {}, 0, 0);
  REQUIRE(part.ok());
  CHECK(part->pixel_values.shape == Shape{2, 1, 2, 3});
  CHECK(part->pixel_values.values.empty());
  CHECK(part->frozen_states.shape == Shape{2, 5, 2});
  const auto states = part->frozen_states.values.span();
  CHECK(std::vector<float>(states.begin() + 9, states.begin() + 11) == std::vector<float>{1, 2});
  CHECK(std::get<std::vector<float>>(part->labels->values) == std::vector<float>{0, 1, 0, 0, 0, 1});
}

TEST_CASE("examples that do not fit a batch are refused", "[training_batch]") {
  CHECK(!TrainingBatch::allocate(0, {1, 2, 3}).ok());
  auto batch = TrainingBatch::allocate(1, {1, 2, 3});
  REQUIRE(batch.ok());
  CHECK(batch->mix({}, 0, 3).error().code == ErrorCode::kInvalidArgument);
  CHECK(batch->inputs(0, 1, {}, 0, 0).error().code == ErrorCode::kInvalidArgument);
  CHECK(batch->add(std::vector<float>(6), 3, 3).error().code == ErrorCode::kInvalidArgument);
  CHECK(batch->add(std::vector<float>(6), -1, 3).error().code == ErrorCode::kInvalidArgument);
  CHECK(batch->add(std::vector<float>(5), 0, 3).error().code == ErrorCode::kWrongShape);
  CHECK(batch->add(std::vector<float>(6), 0, 3).ok());
  CHECK(batch->add(std::vector<float>(6), 0, 3).error().code == ErrorCode::kInvalidArgument);
  CHECK(batch->inputs(0, 2, {}, 0, 0).error().code == ErrorCode::kInvalidArgument);
  CHECK(batch->inputs(1, 1, {}, 0, 0).error().code == ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace beit
