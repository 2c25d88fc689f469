// BeitModel as a whole, held against the reference in double precision.
#include "src/beit/beit_model.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "src/registry.h"
#include "tests/support/random_model.h"
#include "tests/support/reference.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

// A config of small odd sizes; which parts it has is random too.
BeitConfig randomConfig(test::Random& random) {
  const auto flag = [&] { return random.below(2) == 1; };
  BeitConfig config;
  constexpr int64_t kHeadDims[] = {1, 3, 4, 8, 9, 12, 16};
  config.num_attention_heads = 1 + random.below(3);
  config.hidden_size = config.num_attention_heads * kHeadDims[random.below(7)];
  if (config.hidden_size < 3) config.hidden_size *= 3;  // a layer norm of one channel is its bias
  config.num_hidden_layers = 1 + random.below(3);
  config.intermediate_size = 1 + random.below(40);
  config.num_channels = 1 + random.below(4);
  config.patch_size = {1 + random.below(4), 1 + random.below(4)};
  config.image_size = {config.patch_size.height * (1 + random.below(6)) + random.below(config.patch_size.height),
                       config.patch_size.width * (1 + random.below(6)) + random.below(config.patch_size.width)};
  constexpr Activation kActivations[] = {Activation::kGelu, Activation::kGeluNew, Activation::kQuickGelu,
                                         Activation::kRelu, Activation::kSilu,    Activation::kTanh};
  config.hidden_act = kActivations[random.below(6)];
  config.layer_norm_eps = flag() ? 1e-12 : 1e-6;
  config.use_mask_token = flag();
  config.use_absolute_position_embeddings = flag();
  config.use_relative_position_bias = flag();
  config.use_shared_relative_position_bias = flag();
  config.layer_scale_init_value = flag() ? 0.1 : 0.0;
  config.use_mean_pooling = flag();
  return config;
}

// The part of a tensor that belongs to image `b`.
std::span<const float> part(const Tensor& tensor, int64_t b) {
  const size_t each = tensor.values.size() / static_cast<size_t>(tensor.shape[0]);
  return tensor.values.span().subspan(static_cast<size_t>(b) * each, each);
}

// Floats against doubles over up to three layers; 2.7e-6 was measured natively.
constexpr double kTolerance = 1e-5;

}  // namespace

TEST_CASE("BeitModel is the reference for random configs, weights, sizes and masks", "[beit_model]") {
  for (uint32_t seed = 1; seed <= 60; ++seed) {
    test::Random random(seed);
    const BeitConfig config = randomConfig(random);
    const bool pooler = random.below(4) > 0, masked = config.use_mask_token && random.below(2) == 1;
    const int64_t batch = 1 + random.below(3);
    Size image = config.image_size;
    if (random.below(2) == 1)  // another size than the pre-trained one
      image = {config.patch_size.height + random.below(20), config.patch_size.width + random.below(20)};
    CAPTURE(seed, batch, config.hidden_size, config.num_attention_heads, image.height, image.width);

    auto created = createModel(config, "BeitModel", {pooler}, test::execution());
    REQUIRE(created.ok());
    Model& model = **created;
    const auto weights = test::randomWeights(model.parameters(), seed);
    REQUIRE(test::fill(model.parameters(), weights).ok());
    const ForwardInputs inputs = test::randomInputs(config, batch, image, masked, random);
    ForwardOptions options;
    options.output_hidden_states = options.output_attentions = true;
    // A layer of the whole batch, of an image, or a part of an image's at a time.
    const int64_t step_products[] = {options.step_products, 2000, 1};
    options.step_products = step_products[seed % 3];
    const auto outputs = test::outputsOf(model, test::copyOf(inputs), options);

    const auto layers = static_cast<size_t>(config.num_hidden_layers);
    CHECK(outputs.size() == 1 + pooler + (layers + 1) + layers);
    CHECK(outputs.contains("pooler_output") == pooler);
    for (int64_t b = 0; b < batch; ++b) {
      const test::Answer want = test::forward(config, weights, inputs, b);
      CHECK(test::relativeDifference(part(outputs.at("last_hidden_state"), b), want.last_hidden_state) <= kTolerance);
      if (pooler) CHECK(test::relativeDifference(part(outputs.at("pooler_output"), b), want.pooler_output) <= kTolerance);
      for (size_t i = 0; i <= layers; ++i)
        CHECK(test::relativeDifference(part(outputs.at("hidden_states." + std::to_string(i)), b), want.hidden_states[i]) <= kTolerance);
      for (size_t i = 0; i < layers; ++i) {
        test::Matrix heads(0, 1 + config.patchGrid(image).area());
        for (const auto& head : want.attentions[i]) {
          test::Matrix taller(heads.rows() + head.rows(), heads.cols());
          taller << heads, head;
          heads = std::move(taller);
        }
        CHECK(test::relativeDifference(part(outputs.at("attentions." + std::to_string(i)), b), heads) <= kTolerance);
      }
    }
  }
}

TEST_CASE("Pooled states are what models of fewer layers pool, to the last bit", "[beit_model]") {
  for (uint32_t seed = 1; seed <= 12; ++seed) {
    test::Random random(seed);
    BeitConfig config = randomConfig(random);
    config.use_mean_pooling = seed % 3 != 0;  // the states are there in either case
    config.num_hidden_layers = 3;
    auto created = createModel(config, "BeitModel", {false}, test::execution());
    REQUIRE(created.ok());
    auto weights = test::randomWeights((*created)->parameters(), seed);
    REQUIRE(test::fill((*created)->parameters(), weights).ok());
    const ForwardInputs inputs = test::randomInputs(config, 2, config.image_size, false, random);
    ForwardOptions options;
    options.output_pooled_states = true;
    const auto outputs = test::outputsOf(**created, test::copyOf(inputs), options);
    CHECK(outputs.size() == 2);
    const Tensor& states = outputs.at("pooled_states");
    REQUIRE(states.shape == Shape{2, 4, config.hidden_size});

    const auto channels = static_cast<size_t>(config.hidden_size);
    weights["beit.pooler.layernorm.weight"] = std::vector<float>(channels, 1.0f);
    weights["beit.pooler.layernorm.bias"] = std::vector<float>(channels, 0.0f);
    for (int64_t layers = 1; layers <= 3; ++layers) {
      BeitConfig shorter = config;
      shorter.num_hidden_layers = layers;
      shorter.use_mean_pooling = true;
      auto pooling = createModel(shorter, "BeitModel", {true}, test::execution());
      REQUIRE(pooling.ok());
      test::Weights kept;
      for (const Parameter& parameter : (*pooling)->parameters().all()) kept[parameter.name] = weights.at(parameter.name);
      REQUIRE(test::fill((*pooling)->parameters(), kept).ok());
      const auto pooled = test::outputsOf(**pooling, test::copyOf(inputs));
      for (int64_t b = 0; b < 2; ++b) {
        CAPTURE(seed, layers, b);
        const auto got = part(states, b).subspan(static_cast<size_t>(layers) * channels, channels);
        const auto want = part(pooled.at("pooler_output"), b);
        CHECK(std::equal(got.begin(), got.end(), want.begin()));
        CHECK(std::any_of(got.begin(), got.end(), [](float value) { return value != 0.0f; }));
      }
    }
  }
}

TEST_CASE("Outputs have the reference's names and shapes, and come only on request", "[beit_model]") {
  test::Random random(1);
  BeitConfig config;
  config.hidden_size = 8;
  config.num_attention_heads = 2;
  config.num_hidden_layers = 2;
  config.intermediate_size = 8;
  config.image_size = {8, 12};
  config.patch_size = {4, 4};
  auto created = createModel(config, "BeitModel", {}, test::execution());
  REQUIRE(created.ok());
  REQUIRE(test::fill((*created)->parameters(), test::randomWeights((*created)->parameters(), 1)).ok());
  const ForwardInputs inputs = test::randomInputs(config, 3, {8, 12}, false, random);
  const auto names = [&](bool hidden_states, bool attentions) {
    ForwardOptions options;
    options.output_hidden_states = hidden_states;
    options.output_attentions = attentions;
    std::string text;
    for (const auto& [name, tensor] : test::outputsOf(**created, test::copyOf(inputs), options))
      text += name + toString(tensor.shape) + " ";
    return text;
  };
  const std::string last = "last_hidden_state[3, 7, 8] pooler_output[3, 8] ";
  const std::string hidden = "hidden_states.0[3, 7, 8] hidden_states.1[3, 7, 8] hidden_states.2[3, 7, 8] ";
  const std::string attentions = "attentions.0[3, 2, 7, 7] attentions.1[3, 2, 7, 7] ";
  CHECK(names(false, false) == last);
  CHECK(names(true, false) == hidden + last);
  CHECK(names(false, true) == attentions + last);
  CHECK(names(true, true) == attentions + hidden + last);
}

TEST_CASE("The pooler's parameters follow from pooling and options", "[beit_model]") {
  BeitConfig config;
  config.num_hidden_layers = 1;
  for (const bool mean : {false, true})
    for (const bool pooler : {false, true}) {
      config.use_mean_pooling = mean;
      const auto model = createModel(config, "BeitModel", {pooler}, test::execution());
      REQUIRE(model.ok());
      CHECK(((*model)->parameters().find("beit.pooler.layernorm.weight") != nullptr) == (mean && pooler));
      CHECK(((*model)->parameters().find("beit.layernorm.weight") != nullptr) == !mean);
    }
}

}  // namespace beit
