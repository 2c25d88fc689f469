// Gradients against differences: each parameter is moved a little, and the loss is made anew by the reference in double precision.
#include <algorithm>
#include <cmath>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "src/training/training_model.h"
#include "tests/support/random_model.h"
#include "tests/support/reference.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

using test::Matrix;
using test::Vector;

double crossEntropy(const Matrix& logits, Eigen::Index row, int32_t id) {
  const double most = logits.row(row).maxCoeff();
  return most + std::log((logits.row(row).array() - most).exp().sum()) - logits(row, id);
}

// The mean loss of a batch, by the reference.
double lossOf(const BeitConfig& config, const test::Weights& weights, const ForwardInputs& inputs) {
  const bool masked = inputs.mask_shape.has_value();
  const auto& ids = std::get<std::vector<int32_t>>(inputs.labels->values);
  double total = 0.0;
  size_t next = 0;
  for (int64_t b = 0; b < inputs.pixel_values.shape[0]; ++b) {
    const test::Answer answer = test::forward(config, weights, inputs, b);
    if (!masked) {
      total += crossEntropy(test::linear(answer.pooler_output, weights, "classifier"), 0, ids[next++]);
      continue;
    }
    const Matrix states = test::layerNorm(answer.last_hidden_state, test::toVector(weights.at("layernorm.weight")),
                                          test::toVector(weights.at("layernorm.bias")), config.layer_norm_eps);
    const Matrix logits = test::linear(states, weights, "lm_head");
    const int64_t patches = states.rows() - 1;
    for (int64_t p = 0; p < patches; ++p)
      if (inputs.bool_masked_pos[static_cast<size_t>(b * patches + p)]) total += crossEntropy(logits, 1 + p, ids[next++]);
  }
  return total / static_cast<double>(ids.size());
}

void check(const BeitConfig& config, const char* class_name, Size image, bool masked) {
  auto model = TrainingModel::create(config, class_name, {}, test::execution());
  REQUIRE(model.ok());
  test::Weights weights = test::randomWeights((*model)->parameters(), 11);
  REQUIRE(test::fill((*model)->parameters(), weights).ok());
  test::Random random(12);
  TrainingInputs inputs;
  static_cast<ForwardInputs&>(inputs) = test::randomInputs(config, 2, image, masked, random);
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < 2 && !masked; ++i) ids.push_back(static_cast<int32_t>(random.below(config.num_labels)));
  for (const uint8_t hidden : inputs.bool_masked_pos)
    if (hidden) ids.push_back(static_cast<int32_t>(random.below(config.vocab_size)));
  inputs.labels = Labels{{static_cast<int64_t>(ids.size())}, ids};
  const ForwardInputs again = test::copyOf(inputs);

  auto pass = (*model)->begin(std::move(inputs), {});
  REQUIRE(pass.ok());
  for (bool done = false; !done;) {
    const auto step = (*pass)->step();
    REQUIRE(step.ok());
    done = *step;
  }
  for (const TrainedParameter& each : (*model)->trained()) {
    CAPTURE(each.name);
    // Along the gradient and a bit of chance, so far that the rounding of weights to floats is nothing: what was moved is what is
    // multiplied.
    double length = 0.0;
    for (const float g : each.gradient.span()) length = std::max(length, std::abs(static_cast<double>(g)));
    std::vector<float>& values = weights.at(each.name);
    const std::vector<float> before = values;
    std::vector<float> up = before, down = before;
    double want = 0.0;
    for (size_t i = 0; i < before.size(); ++i) {
      const auto step = static_cast<float>(2e-4 * (static_cast<double>(each.gradient.data()[i]) / length)) + random.uniform(-5e-5f, 5e-5f);
      up[i] += step;
      down[i] -= step;
      want += static_cast<double>(each.gradient.data()[i]) * (static_cast<double>(up[i]) - static_cast<double>(down[i]));
    }
    values = up;
    double difference = lossOf(config, weights, again);
    values = down;
    difference -= lossOf(config, weights, again);
    values = before;
    CAPTURE(difference, want);
    CHECK(std::abs(difference) > 1e-9);
    CHECK(std::abs(difference - want) <= 1e-4 * std::abs(difference));
  }
}

BeitConfig configOf(int64_t hidden, int64_t heads) {
  BeitConfig config;
  config.hidden_size = hidden;
  config.num_attention_heads = heads;
  config.num_hidden_layers = 2;
  config.intermediate_size = hidden + 7;
  config.image_size = {16, 12};
  config.patch_size = {4, 4};
  config.num_channels = 2;
  config.layer_norm_eps = 1e-6;
  config.use_relative_position_bias = true;
  config.num_labels = 4;
  config.vocab_size = 9;
  return config;
}

}  // namespace

TEST_CASE("Losses move as their gradients say", "[gradients]") {
  SECTION("classifier") { check(configOf(24, 3), "BeitForImageClassification", {16, 12}, false); }
  SECTION("heads of 64, more tokens than are held at a time") {
    BeitConfig config = configOf(64, 1);
    config.image_size = {36, 36};
    check(config, "BeitForImageClassification", {36, 36}, false);
  }
  SECTION("absolute positions and a mask") {
    BeitConfig config = configOf(20, 2);
    config.use_absolute_position_embeddings = config.use_mask_token = config.use_shared_relative_position_bias = true;
    config.use_mean_pooling = false;
    check(config, "BeitForMaskedImageModeling", {16, 12}, true);
  }
  SECTION("absolute positions, a mask and a larger input") {
    BeitConfig config = configOf(20, 2);
    config.use_relative_position_bias = false;
    config.use_absolute_position_embeddings = config.use_mask_token = true;
    check(config, "BeitForMaskedImageModeling", {24, 16}, true);
  }
  SECTION("tables of a larger input") { check(configOf(12, 2), "BeitForImageClassification", {20, 24}, false); }
}

}  // namespace beit
