#include "src/layers/transformer/encoder.h"

#include <stdexcept>

#include <catch2/catch_test_macros.hpp>

#include "src/beit/specs.h"
#include "tests/support/reference.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

BeitConfig smallConfig() {
  BeitConfig config;
  config.hidden_size = 12;
  config.num_attention_heads = 2;
  config.num_hidden_layers = 2;
  config.intermediate_size = 20;
  config.image_size = {3, 4};
  config.patch_size = {1, 1};
  return config;
}

struct Filled {
  explicit Filled(BeitConfig c) : config(std::move(c)) {
    encoder.declare(test::execution(), parameters, "beit.encoder", encoderSpec(config));
    REQUIRE(test::fill(parameters, test::randomWeights(parameters, 11)).ok());
  }

  // Returns the states after all layers, for a grid that the caller has prepared.
  std::vector<float> run(Size grid) const {
    const int64_t tokens = 1 + grid.area();
    test::Random random(12);
    auto states = random.floats(static_cast<size_t>(tokens * config.hidden_size), -1.0f, 1.0f);
    auto scratch = EncoderScratch::allocate(test::execution(), encoderSpec(config), 1, tokens);
    REQUIRE(scratch.ok());
    for (size_t i = 0; i < encoder.layers(); ++i)
      for (const LayerPart part : kLayerParts)
        REQUIRE(encoder.runLayer(i, part, test::execution(), 1, tokens, *scratch, states.data(), nullptr).ok());
    return states;
  }

  BeitConfig config;
  ParameterList parameters;
  Encoder encoder;
};

}  // namespace

TEST_CASE("The config decides which tensors a layer has", "[encoder]") {
  BeitConfig config = smallConfig();
  const std::string table = ".relative_position_bias.relative_position_bias_table";
  for (const bool own : {false, true})
    for (const bool shared : {false, true})
      for (const bool scaled : {false, true}) {
        CAPTURE(own, shared, scaled);
        config.use_relative_position_bias = own;
        config.use_shared_relative_position_bias = shared;
        config.layer_scale_init_value = scaled ? 0.1 : 0.0;
        ParameterList parameters;
        Encoder encoder;
        encoder.declare(test::execution(), parameters, "e", encoderSpec(config));
        CHECK(encoder.layers() == 2);
        CHECK(parameters.all().size() == static_cast<size_t>(2 * (15 + own + 2 * scaled) + shared));
        CHECK((parameters.find("e" + table) != nullptr) == shared);
        CHECK((parameters.find("e.layer.1.attention.attention" + table) != nullptr) == own);
        CHECK((parameters.find("e.layer.1.lambda_2") != nullptr) == scaled);
      }
}

TEST_CASE("Biases follow the grid that was prepared last", "[encoder]") {
  for (const bool own : {false, true}) {
    BeitConfig config = smallConfig();
    config.use_relative_position_bias = own;
    config.use_shared_relative_position_bias = !own;
    Filled filled(config);
    filled.encoder.prepare(test::execution(), {3, 4});
    const auto first = filled.run({3, 4});
    filled.encoder.prepare(test::execution(), {4, 3});
    const auto other = filled.run({4, 3});
    CHECK(first != other);
    filled.encoder.prepare(test::execution(), {3, 4});
    CHECK(filled.run({3, 4}) == first);
    filled.encoder.prepare(test::execution(), {3, 4});
    CHECK(filled.run({3, 4}) == first);
  }
}

TEST_CASE("A grid for which there is no memory leaves nothing half prepared", "[encoder]") {
  for (const bool own : {false, true}) {
    BeitConfig config = smallConfig();
    config.use_relative_position_bias = own;
    config.use_shared_relative_position_bias = !own;
    Filled filled(config);
    filled.encoder.prepare(test::execution(), {3, 4});
    const auto before = filled.run({3, 4});
    // More rows than a vector can hold.
    CHECK_THROWS_AS(filled.encoder.prepare(test::execution(), {int64_t{1} << 57, 1}), std::length_error);
    filled.encoder.prepare(test::execution(), {3, 4});
    CHECK(filled.run({3, 4}) == before);
  }
}

}  // namespace beit
