// What a model says that a pass takes, against the bytes that one holds. Programs with a sanitizer leave out what has the tag
// [estimate]: it runs over large pictures, takes them five times as long, and shows nothing that the other programs do not.
#include <string>

#include <catch2/catch_test_macros.hpp>

#include "src/dalle/dalle_tokenizer.h"
#include "src/registry.h"
#include "src/training/training_model.h"
#include "tests/support/random_model.h"
#include "tests/support/runtime.h"
#include "tests/support/watched_allocator.h"

namespace beit {

namespace {

std::unique_ptr<Model> filled(std::unique_ptr<Model> model) {
  REQUIRE(test::fill(model->parameters(), test::randomWeights(model->parameters(), 1)).ok());
  return model;
}

// Runs a first pass, outputs taken at its end, and compares the most that it holds with the estimate.
void checkEstimate(Model& model, ForwardInputs inputs) {
  const int64_t told = model.estimate().activations;
  const int64_t given = inputs.tokens ? 4 * elementCount(inputs.tokens->shape).value()
                                      : 4 * static_cast<int64_t>(inputs.pixel_values.values.size());  // held already
  test::beginCounting();
  {
    auto pass = model.begin(std::move(inputs), {});
    REQUIRE(pass.ok());
    for (bool done = false; !done;) {
      const auto stepped = (*pass)->step();
      REQUIRE(stepped.ok());
      done = *stepped;
    }
  }
  const int64_t taken = test::mostHeld() + given;
  CAPTURE(told, taken);
  CHECK(told >= taken);
  CHECK(told <= taken + taken / 10);
}

void checkEstimate(BeitConfig config, const char* class_name, WeightType type) {
  ModelOptions options;
  options.dtype = type;
  auto created = createModel(config, class_name, options, test::execution());
  if (!created.ok()) FAIL(created.error().message);
  const auto model = filled(std::move(created).value());
  test::Random random(1);
  checkEstimate(*model, test::randomInputs(config, 1, config.image_size, false, random));
}

BeitConfig configOf(int64_t hidden, int64_t side) {
  BeitConfig config;
  config.hidden_size = hidden;
  config.intermediate_size = 2 * hidden;
  config.num_attention_heads = 4;
  config.num_hidden_layers = 4;
  config.image_size = {side, side};
  config.patch_size = {16, 16};
  config.use_relative_position_bias = true;
  config.out_indices = {1, 2, 3, 4};
  config.num_labels = 20;
  config.vocab_size = 64;
  return config;
}

}  // namespace

TEST_CASE("A pass takes what the estimate says, at most a tenth less", "[estimate]") {
  for (const WeightType type : {WeightType::kFloat32, WeightType::kInt8})
    for (const int64_t side : {256, 512}) {
      CAPTURE(type == WeightType::kInt8, side);
      for (const char* name : {"BeitModel", "BeitForImageClassification", "BeitForMaskedImageModeling", "BeitBackbone"}) {
        DYNAMIC_SECTION(name << " " << side << (type == WeightType::kInt8 ? " int8" : "")) {
          checkEstimate(configOf(128, side), name, type);
        }
      }
      DYNAMIC_SECTION("large vocabulary " << side << (type == WeightType::kInt8 ? " int8" : "")) {
        BeitConfig config = configOf(64, side);
        config.vocab_size = 4096;
        checkEstimate(config, "BeitForMaskedImageModeling", type);
      }
      DYNAMIC_SECTION("shared bias " << side << (type == WeightType::kInt8 ? " int8" : "")) {
        BeitConfig config = configOf(64, side);
        config.use_relative_position_bias = false;
        config.use_shared_relative_position_bias = true;
        checkEstimate(config, "BeitModel", type);
      }
    }
}

TEST_CASE("Training takes what its estimate says, at most a tenth less", "[estimate]") {
  for (const char* name : {"BeitForImageClassification", "BeitForMaskedImageModeling"})
    for (const char* method : {"full", "vectors", "last:1"}) DYNAMIC_SECTION(name << " " << method) {
        BeitConfig config = configOf(128, 192);
        config.use_mask_token = true;
        const auto which = parseTrainable(method, config.num_hidden_layers);
        REQUIRE(which.ok());
        auto model = TrainingModel::create(config, name, *which, test::execution());
        REQUIRE(model.ok());
        constexpr int64_t kBatch = 3;
        const TrainingEstimate told = (*model)->estimate(kBatch, config.image_size);

        const test::Weights weights = test::randomWeights((*model)->parameters(), 1);
        test::beginCounting();
        REQUIRE(test::fill((*model)->parameters(), weights).ok());
        const int64_t values = told.weights + told.gradients;
        CHECK(test::mostHeld() >= values);

        test::Random random(1);
        TrainingInputs inputs;
        static_cast<ForwardInputs&>(inputs) = test::randomInputs(config, kBatch, config.image_size, false, random);
        const int64_t given = 4 * static_cast<int64_t>(inputs.pixel_values.values.size());
        std::vector<int32_t> ids(kBatch, 1);
        if (name == std::string("BeitForMaskedImageModeling")) {
          const int64_t patches = config.patchGrid().area();
          inputs.mask_shape = {kBatch, patches};
          ids.assign(static_cast<size_t>((kBatch * patches * 2 + 4) / 5), 1);
          inputs.bool_masked_pos.resize(static_cast<size_t>(kBatch * patches));
          std::fill_n(inputs.bool_masked_pos.begin(), ids.size(), uint8_t{1});
        }
        inputs.labels = Labels{{static_cast<int64_t>(ids.size())}, ids};
        test::beginCounting();
        {
          auto pass = (*model)->begin(std::move(inputs), {});
          REQUIRE(pass.ok());
          for (bool done = false; !done;) {
            const auto stepped = (*pass)->step();
            REQUIRE(stepped.ok());
            done = *stepped;
          }
        }
        const int64_t taken = test::mostHeld() + given;
        CAPTURE(told.activations, taken);
        CHECK(told.activations >= taken);
        CHECK(told.activations <= taken + taken / 10);
      }
}

TEST_CASE("A backbone's maps are in its estimate", "[estimate]") {
  for (const bool pyramid : {false, true})
    for (const int64_t hidden : {64, 256}) DYNAMIC_SECTION((pyramid ? "pyramid " : "maps ") << hidden) {
        BeitConfig config = configOf(hidden, 512);
        config.add_fpn = pyramid;
        checkEstimate(config, "BeitBackbone", WeightType::kFloat32);
      }
  DYNAMIC_SECTION("stem") {
    BeitConfig config = configOf(64, 512);
    config.out_indices = {0, 1, 2, 3};
    config.add_fpn = true;
    checkEstimate(config, "BeitBackbone", WeightType::kFloat32);
  }
  DYNAMIC_SECTION("tokens") {
    BeitConfig config = configOf(128, 512);
    config.reshape_hidden_states = false;
    checkEstimate(config, "BeitBackbone", WeightType::kFloat32);
  }
}

TEST_CASE("Segmentation's head is in its estimate, however it convolves", "[estimate]") {
  struct Case {
    int64_t hidden, side, labels;
    std::vector<int64_t> scales;
    WeightType type;
  };
  const Case cases[] = {{128, 512, 20, {1, 2, 3, 6}, WeightType::kFloat32},  // by Winograd's tiles where maps are wide
                        {64, 256, 20, {1, 2, 3, 6}, WeightType::kFloat32},  {32, 512, 20, {1, 2, 3, 6}, WeightType::kFloat32},  // directly
                        {64, 512, 300, {1, 2, 3, 6}, WeightType::kFloat32},  // by the logits
                        {64, 256, 20, {128, 64}, WeightType::kFloat32},      // by the pooled maps
                        {64, 512, 20, {1, 2, 3, 6}, WeightType::kInt8}};
  for (const Case& c : cases)
    DYNAMIC_SECTION(c.hidden << " at " << c.side << ", " << c.labels << " labels, " << c.scales.size() << " scales"
                             << (c.type == WeightType::kInt8 ? ", int8" : "")) {
      BeitConfig config = configOf(c.hidden, c.side);
      config.num_labels = c.labels;
      config.pool_scales = c.scales;
      config.use_auxiliary_head = false;
      checkEstimate(config, "BeitForSemanticSegmentation", c.type);
    }
}

TEST_CASE("The tokenizer's halves take what their estimates say", "[estimate]") {
  for (const int64_t hidden : {16, 64})
    for (const int64_t vocabulary : {96, 4096}) DYNAMIC_SECTION(hidden << " channels, " << vocabulary << " tokens") {
        const std::string json =
            R"({"n_hid": )" + std::to_string(hidden) + R"(, "n_init": 32, "vocab_size": )" + std::to_string(vocabulary) + "}";
        for (const bool encoder : {true, false}) {
          CAPTURE(encoder);
          auto created = createModel(json, encoder ? "DalleEncoder" : "DalleDecoder", {}, test::execution());
          REQUIRE(created.ok());
          const auto model = filled(std::move(created).value());
          ForwardInputs inputs;
          if (encoder) {
            inputs.pixel_values = Tensor::allocate({1, 3, 112, 112}, "pixels").value();
            for (float& value : inputs.pixel_values.values.span()) value = 0.5f;
          } else {
            inputs.tokens = Labels{{1, 14, 14}, std::vector<int32_t>(14 * 14, 3)};
          }
          checkEstimate(*model, std::move(inputs));
        }
      }
}

// Sanitizers see that no element is touched: before the weights have come there is none.
TEST_CASE("An estimate is the same before the weights have come and after a pass", "[model]") {
  for (const WeightType type : {WeightType::kFloat32, WeightType::kInt8})
    for (const char* name :
         {"BeitModel", "BeitForImageClassification", "BeitForMaskedImageModeling", "BeitBackbone", "BeitForSemanticSegmentation"})
      for (const bool wide : {false, true}) {  // convolutions by Winograd's tiles, or directly
        CAPTURE(name, wide, type == WeightType::kInt8);
        BeitConfig config = configOf(wide ? 64 : 32, wide ? 256 : 64);
        config.add_fpn = wide;
        ModelOptions options;
        options.dtype = type;
        auto created = createModel(config, name, options, test::execution());
        if (!created.ok()) FAIL(created.error().message);
        const int64_t before = (*created)->estimate().activations;
        CHECK(before > 4 * config.image_size.area() * config.num_channels);
        const auto model = filled(std::move(created).value());
        test::Random random(1);
        CHECK_FALSE(test::outputsOf(*model, test::randomInputs(config, 1, config.image_size, false, random)).empty());
        CHECK(model->estimate().activations == before);
      }
}

}  // namespace beit
