#include "src/kernels/gemm/w8a16.h"

#include <algorithm>
#include <cmath>

#include <catch2/catch_test_macros.hpp>

#include "src/registry.h"
#include "tests/support/random_model.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

BeitConfig smallConfig() {
  BeitConfig config;
  config.hidden_size = 12;
  config.num_attention_heads = 3;
  config.num_hidden_layers = 3;
  config.intermediate_size = 20;
  config.image_size = {8, 8};
  config.patch_size = {2, 2};
  config.use_relative_position_bias = true;
  config.use_shared_relative_position_bias = true;
  config.use_absolute_position_embeddings = true;
  return config;
}

std::unique_ptr<Model> filledModel() {
  auto created = createModel(smallConfig(), "BeitModel", {}, test::execution());
  REQUIRE(created.ok());
  REQUIRE(test::fill((*created)->parameters(), test::randomWeights((*created)->parameters(), 31)).ok());
  return std::move(created).value();
}

// Does a step; returns whether it was the last.
bool step(ForwardPass& pass) {
  const auto result = pass.step();
  REQUIRE(result.ok());
  return *result;
}

void checkSame(const std::map<std::string, Tensor>& got, const std::map<std::string, Tensor>& want) {
  REQUIRE(got.size() == want.size());
  for (const auto& [name, tensor] : want) {
    CAPTURE(name);
    const Tensor& other = got.at(name);
    CHECK(other.shape == tensor.shape);
    const auto a = other.values.span(), b = tensor.values.span();
    CHECK(std::equal(a.begin(), a.end(), b.begin(), b.end()));
  }
}

}  // namespace

TEST_CASE("A model is made by its class's name", "[model]") {
  for (const char* name : {"BeitModel", "BeitForImageClassification"}) {
    const auto model = createModel(smallConfig(), name, {}, test::execution());
    REQUIRE(model.ok());
    CHECK((*model)->className() == name);
    CHECK((*model)->parameters().find("beit.embeddings.cls_token") != nullptr);
  }
  for (const char* name : {"", "beitModel", "BeitModel ", "ViTModel"}) {
    const auto model = createModel(smallConfig(), name, {}, test::execution());
    REQUIRE_FALSE(model.ok());
    CHECK(model.error().code == ErrorCode::kUnsupported);
    CHECK(model.error().got == "\"" + std::string(name) + "\"");
    CHECK(model.error().expected.find("BeitForImageClassification") != std::string::npos);
  }
}

TEST_CASE("No pass begins before every parameter is filled", "[model]") {
  test::Random random(1);
  auto created = createModel(smallConfig(), "BeitModel", {}, test::execution());
  REQUIRE(created.ok());
  Model& model = **created;
  const auto begin = [&] { return model.begin(test::randomInputs(smallConfig(), 1, {8, 8}, false, random), {}); };
  CHECK(begin().error().code == ErrorCode::kMissingTensor);
  auto weights = test::randomWeights(model.parameters(), 31);
  auto& all = model.parameters().all();
  for (size_t i = 0; i + 1 < all.size(); ++i) REQUIRE(model.parameters().deliver(i, weights.at(all[i].name)).ok());
  const auto refused = begin();
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::kMissingTensor);
  CHECK(refused.error().message.find(all.back().name) != std::string::npos);
  REQUIRE(model.parameters().deliver(all.size() - 1, weights.at(all.back().name)).ok());
  CHECK(begin().ok());
}

TEST_CASE("Inputs that do not fit are refused, and the model stays usable", "[model]") {
  test::Random random(2);
  const auto model = filledModel();
  const ForwardInputs good = test::randomInputs(smallConfig(), 1, {8, 8}, false, random);
  const auto want = test::outputsOf(*model, test::copyOf(good));
  ForwardInputs bad = test::copyOf(good);
  bad.pixel_values.shape = {1, 1, 8, 24};
  const auto pass = model->begin(std::move(bad), {});
  REQUIRE_FALSE(pass.ok());
  CHECK(pass.error().where == "pixel_values");
  CHECK(pass.error().got == "[1, 1, 8, 24]");
  CHECK(pass.error().expected == "(batch, 3, height of at least 2, width of at least 2)");
  ForwardInputs masked = test::randomInputs(smallConfig(), 1, {8, 8}, true, random);
  CHECK(model->begin(std::move(masked), {}).error().code == ErrorCode::kInvalidArgument);
  checkSame(test::outputsOf(*model, test::copyOf(good)), want);
}

TEST_CASE("Passes of different sizes do not disturb each other, whatever the order of their steps", "[model]") {
  test::Random random(3);
  const auto model = filledModel();
  ForwardOptions options;
  options.output_hidden_states = options.output_attentions = true;
  const ForwardInputs a = test::randomInputs(smallConfig(), 1, {8, 8}, false, random);
  const ForwardInputs b = test::randomInputs(smallConfig(), 2, {6, 10}, false, random);
  const auto want_a = test::outputsOf(*model, test::copyOf(a), options);
  const auto want_b = test::outputsOf(*model, test::copyOf(b), options);
  for (int order = 0; order < 8; ++order) {
    CAPTURE(order);
    auto pass_a = model->begin(test::copyOf(a), options);
    auto pass_b = model->begin(test::copyOf(b), options);
    REQUIRE((pass_a.ok() && pass_b.ok()));
    for (bool done_a = false, done_b = false; !done_a || !done_b;) {
      const bool first = done_b || (!done_a && random.below(2) == 0);
      (first ? done_a : done_b) = step(first ? **pass_a : **pass_b);
    }
    checkSame(test::outputsOf(**pass_a), want_a);
    checkSame(test::outputsOf(**pass_b), want_b);
  }
}

TEST_CASE("A pass that is dropped half-way leaves the model as it was", "[model]") {
  test::Random random(4);
  const auto model = filledModel();
  const ForwardInputs inputs = test::randomInputs(smallConfig(), 1, {8, 8}, false, random);
  const auto want = test::outputsOf(*model, test::copyOf(inputs));
  for (size_t steps = 0; steps < 5; ++steps) {
    auto pass = model->begin(test::randomInputs(smallConfig(), 2, {4, 12}, false, random), {});
    REQUIRE(pass.ok());
    for (size_t i = 0; i < steps; ++i) CHECK_FALSE(step(**pass));
  }
  checkSame(test::outputsOf(*model, test::copyOf(inputs)), want);
}

TEST_CASE("A pass is a step for the embeddings, one a layer, and the end", "[model]") {
  test::Random random(5);
  const auto model = filledModel();
  auto pass = model->begin(test::randomInputs(smallConfig(), 1, {8, 8}, false, random), {});
  REQUIRE(pass.ok());
  CHECK((*pass)->stepsTotal() >= 1 + 3 + 1);
  size_t steps = 1;
  while (!step(**pass)) ++steps;
  CHECK(steps == (*pass)->stepsTotal());
}

TEST_CASE("A batch is cut into steps that are as small as is asked for", "[model]") {
  test::Random random(5);
  const auto model = filledModel();
  const auto stepsOf = [&](int64_t batch, int64_t products) {
    auto pass = model->begin(test::randomInputs(smallConfig(), batch, {8, 8}, false, random), {.step_products = products});
    REQUIRE(pass.ok());
    return (*pass)->stepsTotal();
  };
  const size_t whole = stepsOf(4, ForwardOptions().step_products);
  CHECK(stepsOf(1, ForwardOptions().step_products) == whole);
  // Four images, and three parts of each layer.
  CHECK(stepsOf(4, 1) == whole + 3 + 3 * (4 * 3 - 1));
}

TEST_CASE("The estimate counts the weights and the largest of them", "[model]") {
  const auto model = filledModel();
  const MemoryEstimate estimate = model->estimate();
  int64_t bytes = 0, largest = 0;
  for (const Parameter& parameter : model->parameters().all()) {
    bytes += 4 * elementCount(parameter.shape).value();
    largest = std::max(largest, 4 * elementCount(parameter.shape).value());
  }
  CHECK(estimate.weights == bytes);
  CHECK(estimate.staging == largest);
  // At least the states, normalised states, queries, keys, values and context of 17 tokens.
  CHECK(estimate.activations >= 6 * 17 * 12 * 4);
}

TEST_CASE("int8 rounds the encoder's matrices, and nothing else", "[model][int8]") {
  test::Random random(6);
  for (const char* name : {"BeitModel", "BeitForImageClassification", "BeitForMaskedImageModeling", "BeitBackbone"}) {
    CAPTURE(name);
    BeitConfig config = smallConfig();
    config.use_mask_token = true;
    config.num_labels = 5;
    config.vocab_size = 16;  // so that logits are not what takes the most
    config.out_indices = {2};
    ModelOptions options;
    options.dtype = WeightType::kInt8;
    const auto exact = createModel(config, name, {}, test::execution());
    const auto rounded = createModel(config, name, options, test::execution());
    REQUIRE((exact.ok() && rounded.ok()));
    const test::Weights weights = test::randomWeights((*exact)->parameters(), 32);
    REQUIRE(test::fill((*exact)->parameters(), weights).ok());
    REQUIRE(test::fill((*rounded)->parameters(), weights).ok());
    int64_t bytes = 0;
    for (const Parameter& parameter : (*rounded)->parameters().all()) {
      const Shape& shape = parameter.shape;
      const bool matrix = parameter.name.starts_with("beit.encoder.layer.") && shape.size() == 2 && parameter.name.ends_with(".weight");
      bytes += matrix ? W8A16Matrix::bytes(shape[1], shape[0]) : 4 * elementCount(shape).value();
    }
    CHECK((*rounded)->estimate().weights == bytes);
    // Quantised rows lie beside the floats; a backbone of one thread takes the most for its maps.
    CHECK((*rounded)->estimate().activations >= (*exact)->estimate().activations);

    const ForwardInputs inputs = test::randomInputs(config, 1, {8, 8}, false, random);
    const auto want = test::outputsOf(**exact, test::copyOf(inputs)), got = test::outputsOf(**rounded, test::copyOf(inputs));
    REQUIRE(got.size() == want.size());
    for (const auto& [output, tensor] : want) {
      CAPTURE(output);
      float off = 0.0f, largest = 0.0f;
      for (size_t i = 0; i < tensor.values.size(); ++i) {
        off = std::max(off, std::fabs(got.at(output).values.data()[i] - tensor.values.data()[i]));
        largest = std::max(largest, std::fabs(tensor.values.data()[i]));
      }
      CHECK(off > 0.0f);
      CHECK(off < 0.05f * largest);
    }
  }
}

TEST_CASE("DALL-E's tokenizer has no int8", "[model][int8]") {
  ModelOptions options;
  options.dtype = WeightType::kInt8;
  for (const char* name : {"DalleEncoder", "DalleDecoder"}) {
    const auto model = createModel("{}", name, options, test::execution());
    REQUIRE_FALSE(model.ok());
    CHECK(model.error().code == ErrorCode::kUnsupported);
  }
}

TEST_CASE("segmentation by an empty id2label is refused, classification has no labels", "[model]") {
  const auto config = parseConfig(R"({"id2label": {}, "hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 4,
      "intermediate_size": 8, "image_size": 8, "patch_size": 4, "out_indices": [1, 2, 3, 4]})");
  REQUIRE(config.ok());
  CHECK(config->num_labels == 0);
  const auto model = createModel(*config, "BeitForSemanticSegmentation", {}, test::execution());
  REQUIRE_FALSE(model.ok());
  CHECK(model.error().code == ErrorCode::kBadConfig);
  CHECK(createModel(*config, "BeitForImageClassification", {}, test::execution()).ok());
}

TEST_CASE("Every pooling scale of segmentation is a step that a pass can be dropped after", "[model]") {
  const auto stepsWith = [](std::vector<int64_t> scales) {
    BeitConfig config = smallConfig();
    config.num_hidden_layers = 4;
    config.out_indices = {1, 2, 3, 4};
    config.num_labels = 2;
    config.pool_scales = std::move(scales);
    auto created = createModel(config, "BeitForSemanticSegmentation", {}, test::execution());
    REQUIRE(created.ok());
    Model& model = **created;
    REQUIRE(test::fill(model.parameters(), test::randomWeights(model.parameters(), 9)).ok());
    test::Random random(10);
    auto pass = model.begin(test::randomInputs(config, 1, {8, 8}, false, random), {});
    REQUIRE(pass.ok());
    return (*pass)->stepsTotal();
  };
  CHECK(stepsWith(std::vector<int64_t>(16, 2)) == stepsWith({1, 2, 3, 6}) + 12);
}

TEST_CASE("segmentation without labels is refused", "[model]") {
  BeitConfig config = smallConfig();
  config.num_labels = 0;
  config.out_indices = {1, 1, 2, 2};
  const auto model = createModel(config, "BeitForSemanticSegmentation", {}, test::execution());
  REQUIRE_FALSE(model.ok());
  CHECK(model.error().code == ErrorCode::kBadConfig);
  CHECK(model.error().message.starts_with("num_labels"));
}

}  // namespace beit
