#include "src/beit/embeddings.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/reference.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

BeitConfig smallConfig() {
  BeitConfig config;
  config.hidden_size = 10;
  config.num_attention_heads = 1;
  config.num_channels = 3;
  config.image_size = {9, 10};
  config.patch_size = {3, 2};
  config.use_mask_token = true;
  return config;
}

struct Filled {
  explicit Filled(BeitConfig c) : config(std::move(c)) {
    embeddings.declare(test::execution(), parameters, "beit.embeddings", config);
    weights = test::randomWeights(parameters, 3);
    REQUIRE(test::fill(parameters, weights).ok());
  }
  BeitConfig config;
  ParameterList parameters;
  Embeddings embeddings;
  test::Weights weights;
};

// The error of inputs that do not fit, as "where: got X, expected Y.".
std::string refusal(const Filled& filled, const ForwardInputs& inputs) {
  const Status status = filled.embeddings.check(inputs);
  return status.ok() ? "" : std::string(codeName(status.error().code)) + " " + status.error().message;
}

ForwardInputs pixels(Shape shape) {
  ForwardInputs inputs;
  auto tensor = Tensor::allocate(std::move(shape), "pixel_values");
  REQUIRE(tensor.ok());
  inputs.pixel_values = std::move(tensor).value();
  return inputs;
}

}  // namespace

TEST_CASE("Patches, mask and positions make the embeddings, at any input size", "[embeddings]") {
  test::Random random(5);
  for (const bool absolute : {false, true}) {
    BeitConfig config = smallConfig();
    config.use_absolute_position_embeddings = absolute;
    const Filled filled(config);
    for (const Size image : {Size{9, 10}, {3, 2}, {5, 9}, {14, 3}, {12, 14}}) {
      for (const bool masked : {false, true}) {
        CAPTURE(absolute, masked, image.height, image.width);
        const ForwardInputs inputs = test::randomInputs(config, 2, image, masked, random);
        REQUIRE(filled.embeddings.check(inputs).ok());
        const int64_t tokens = 1 + config.patchGrid(image).area();
        auto states = FloatBuffer::allocate(2 * tokens * config.hidden_size, "states");
        REQUIRE(states.ok());
        for (int64_t b = 0; b < 2; ++b) REQUIRE(filled.embeddings.run(test::execution(), inputs, b, 1, states->data()).ok());
        const auto each = static_cast<size_t>(tokens * config.hidden_size);
        for (int64_t b = 0; b < 2; ++b)
          CHECK(test::relativeDifference(states->span().subspan(static_cast<size_t>(b) * each, each),
                                         test::embed(config, filled.weights, inputs, b)) <= 1e-6);  // sums of 18 products
      }
    }
  }
}

TEST_CASE("The config decides which embeddings are expected", "[embeddings]") {
  BeitConfig config = smallConfig();
  config.use_mask_token = false;
  Filled bare(config);
  CHECK(bare.parameters.all().size() == 3);
  CHECK_FALSE(bare.parameters.find("beit.embeddings.mask_token"));
  config.use_mask_token = config.use_absolute_position_embeddings = true;
  Filled full(config);
  CHECK(full.parameters.find("beit.embeddings.mask_token")->shape == Shape{1, 1, 10});
  CHECK(full.parameters.find("beit.embeddings.position_embeddings")->shape == Shape{1, 16, 10});
  CHECK(full.parameters.find("beit.embeddings.patch_embeddings.projection.weight")->shape == Shape{10, 3, 3, 2});
}

TEST_CASE("Pixel values that do not fit are refused with what was got and expected", "[embeddings]") {
  const Filled filled(smallConfig());
  const std::string expected = ", expected (batch, 3, height of at least 3, width of at least 2).";
  for (const Shape& shape : {Shape{}, Shape{3, 9, 10}, Shape{1, 3, 9, 10, 1}, Shape{0, 3, 9, 10}, Shape{1, 4, 9, 10}, Shape{1, 3, 2, 10},
                             Shape{1, 3, 9, 1}, Shape{1, 3, 0, 10}, Shape{1, 3, 65537, 2}, Shape{1, 3, 3, 65537}}) {
    CHECK(refusal(filled, pixels(shape)) == "wrong-shape pixel_values: got " + toString(shape) + expected);
  }
  ForwardInputs negative = pixels({1, 3, 9, 10});
  negative.pixel_values.shape = {-1, 3, 9, -10};
  CHECK(refusal(filled, negative) == "wrong-shape pixel_values: got [-1, 3, 9, -10]" + expected);
  ForwardInputs fewer = pixels({1, 3, 9, 10});
  fewer.pixel_values.shape = {2, 3, 9, 10};
  CHECK(refusal(filled, fewer) == "wrong-shape pixel_values: got 270 values, expected as many as [2, 3, 9, 10] holds.");
  fewer.pixel_values.shape = {int64_t{1} << 60, 3, 9, 10};
  CHECK(refusal(filled, fewer).starts_with("wrong-shape pixel_values: got 270 values"));
}

TEST_CASE("A mask that does not fit is refused", "[embeddings]") {
  BeitConfig config = smallConfig();
  const Filled filled(config);
  test::Random random(6);
  ForwardInputs inputs = test::randomInputs(config, 2, {9, 10}, true, random);
  CHECK(refusal(filled, inputs).empty());
  inputs.mask_shape = {1, 30};
  CHECK(refusal(filled, inputs) == "wrong-shape bool_masked_pos: got [1, 30], expected [2, 15].");
  inputs.mask_shape = {2, 15};
  inputs.bool_masked_pos.pop_back();
  CHECK(refusal(filled, inputs).starts_with("wrong-shape bool_masked_pos"));
  config.use_mask_token = false;
  CHECK(refusal(Filled(config), test::randomInputs(config, 1, {9, 10}, true, random)) ==
        "invalid-argument bool_masked_pos: got a mask, expected none, since this model has no mask token (use_mask_token is false).");
}

}  // namespace beit
