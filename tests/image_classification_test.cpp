#include "src/beit/image_classification.h"

#include <cmath>

#include <catch2/catch_test_macros.hpp>

#include "src/registry.h"
#include "tests/support/random_model.h"
#include "tests/support/reference.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

BeitConfig smallConfig(int64_t labels, bool mean_pooling) {
  BeitConfig config;
  config.hidden_size = 12;
  config.num_attention_heads = 2;
  config.num_hidden_layers = 1;
  config.intermediate_size = 16;
  config.image_size = {6, 8};
  config.patch_size = {2, 2};
  config.use_mean_pooling = mean_pooling;
  config.num_labels = labels;
  return config;
}

struct Filled {
  explicit Filled(const BeitConfig& c) : config(c) {
    auto created = createModel(config, "BeitForImageClassification", {}, test::execution());
    REQUIRE(created.ok());
    model = std::move(created).value();
    weights = test::randomWeights(model->parameters(), 21);
    REQUIRE(test::fill(model->parameters(), weights).ok());
  }
  BeitConfig config;
  std::unique_ptr<Model> model;
  test::Weights weights;
};

}  // namespace

TEST_CASE("Logits are the classifier of the pooled states", "[image_classification]") {
  test::Random random(1);
  for (const bool mean_pooling : {false, true})
    for (const int64_t labels : {0, 1, 5}) {
      CAPTURE(mean_pooling, labels);
      const Filled filled(smallConfig(labels, mean_pooling));
      CHECK((filled.model->parameters().find("classifier.weight") != nullptr) == (labels > 0));
      const ForwardInputs inputs = test::randomInputs(filled.config, 2, {6, 8}, false, random);
      const auto outputs = test::outputsOf(*filled.model, test::copyOf(inputs));
      REQUIRE(outputs.size() == 1);
      const Tensor& logits = outputs.at("logits");
      const int64_t columns = labels > 0 ? labels : 12;  // without a classifier: the pooled states
      CHECK(logits.shape == Shape{2, columns});
      for (int64_t b = 0; b < 2; ++b) {
        test::Matrix want = test::forward(filled.config, filled.weights, inputs, b).pooler_output;
        if (labels > 0) want = test::linear(want, filled.weights, "classifier");
        const auto got = logits.values.span().subspan(static_cast<size_t>(b * columns), static_cast<size_t>(columns));
        CHECK(test::relativeDifference(got, want) <= 2e-5);  // floats through a layer and two norms
      }
    }
}

TEST_CASE("Labels add a loss, which stands before the logits", "[image_classification]") {
  test::Random random(2);
  const Filled filled(smallConfig(5, true));
  ForwardInputs inputs = test::randomInputs(filled.config, 2, {6, 8}, false, random);
  inputs.labels = Labels{{2}, std::vector<int32_t>{4, 0}};
  auto pass = filled.model->begin(test::copyOf(inputs), {});
  REQUIRE(pass.ok());
  for (bool done = false; !done;) {
    const auto step = (*pass)->step();
    REQUIRE(step.ok());
    done = *step;
  }
  const auto& outputs = (*pass)->outputs();
  REQUIRE(outputs.size() == 2);
  CHECK(outputs[0].name == "loss");
  CHECK(outputs[0].tensor.shape == Shape{1});
  CHECK(outputs[1].name == "logits");
  double loss = 0.0;
  for (int64_t b = 0; b < 2; ++b) {
    const test::Matrix logits =
        test::linear(test::forward(filled.config, filled.weights, inputs, b).pooler_output, filled.weights, "classifier");
    loss += (std::log(logits.array().exp().sum()) - logits(0, b == 0 ? 4 : 0)) / 2.0;
  }
  CHECK(std::abs(outputs[0].tensor.values.data()[0] - loss) <= 2e-5 * std::max(1.0, loss));
}

TEST_CASE("Labels that do not fit are refused before anything runs", "[image_classification]") {
  test::Random random(3);
  const Filled filled(smallConfig(5, true));
  const ForwardInputs inputs = test::randomInputs(filled.config, 2, {6, 8}, false, random);
  const auto refusal = [&](Labels labels) {
    ForwardInputs copy = test::copyOf(inputs);
    copy.labels = std::move(labels);
    const auto pass = filled.model->begin(std::move(copy), {});
    return pass.ok() ? "" : std::string(codeName(pass.error().code)) + " " + pass.error().message;
  };
  CHECK(refusal({{2}, std::vector<int32_t>{4, 5}}) == "invalid-argument labels: got class 5, expected 0 to 4.");
  CHECK(refusal({{2}, std::vector<int32_t>{-1, 0}}) == "invalid-argument labels: got class -1, expected 0 to 4.");
  CHECK(refusal({{3}, std::vector<int32_t>{0, 0, 0}}) == "wrong-shape labels: got [3], expected [2].");
  CHECK(refusal({{2}, std::vector<float>{0.0f, 1.0f}}) == "wrong-shape labels: got [2], expected [2, 5].");
}

TEST_CASE("Labels beside pixel values that are none are refused as well", "[image_classification]") {
  const Filled filled(smallConfig(5, true));
  for (const Shape& shape : {Shape{}, Shape{-1, 3, 6, 8}, Shape{0, 3, 6, 8}}) {
    ForwardInputs inputs;
    inputs.pixel_values.shape = shape;
    inputs.labels = Labels{{shape.empty() ? 0 : shape[0]}, std::vector<int32_t>{}};
    const auto pass = filled.model->begin(std::move(inputs), {});
    REQUIRE_FALSE(pass.ok());
    CHECK(pass.error().code == ErrorCode::kWrongShape);
  }
}

}  // namespace beit
