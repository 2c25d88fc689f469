// Memory that runs out anywhere is an error of that name, never a crash or another answer: every
// allocation of a load and a pass of each class is refused once, and nothing may be left behind.
#include <catch2/catch_test_macros.hpp>

#include <map>
#include <new>
#include <optional>
#include <string>

#include "src/registry.h"
#include "tests/support/loading.h"
#include "tests/support/random_model.h"
#include "tests/support/runtime.h"
#include "tests/support/watched_allocator.h"

namespace {

using namespace beit;

struct TinyModel {
  const char* class_name;
  std::string config;
  WeightType dtype = WeightType::kFloat32;
};

const char* const kBeit =
    R"({"hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 8, "num_channels": 1,
        "image_size": 4, "patch_size": 2, "vocab_size": 4, "use_relative_position_bias": true, "use_mask_token": true})";
const char* const kSegmentation =
    R"({"hidden_size": 8, "num_attention_heads": 1, "num_hidden_layers": 4, "intermediate_size": 4, "num_channels": 1,
        "image_size": 4, "patch_size": 2, "out_indices": [1, 2, 3, 4], "pool_scales": [1], "auxiliary_channels": 4})";
const char* const kTokenizer = R"({"n_hid": 4, "n_init": 4, "vocab_size": 4, "group_count": 2, "n_blk_per_group": 1})";

const TinyModel kModels[] = {
    {"BeitModel", kBeit},
    {"BeitForMaskedImageModeling", kBeit},
    {"BeitForImageClassification", kBeit},
    {"BeitForImageClassification", kBeit, WeightType::kInt8},
    {"BeitForSemanticSegmentation", kSegmentation},
    {"BeitBackbone", kSegmentation},
    {"DalleEncoder", kTokenizer},
    {"DalleDecoder", kTokenizer},
};

ForwardInputs inputsOf(const TinyModel& tiny) {
  ForwardInputs inputs;
  if (std::string_view(tiny.class_name) == "DalleDecoder") {
    inputs.tokens = Labels{{1, 1, 1}, std::vector<int32_t>{2}};
    return inputs;
  }
  const int64_t channels = tiny.config == kTokenizer ? 3 : 1;
  auto pixels = Tensor::allocate({1, channels, 4, 4}, "pixel_values");
  if (!pixels.ok()) throw std::bad_alloc();
  inputs.pixel_values = std::move(pixels).value();
  for (size_t i = 0; i < inputs.pixel_values.values.size(); ++i) inputs.pixel_values.values.data()[i] = static_cast<float>(i % 5) / 5.0f;
  return inputs;
}

using Outputs = std::map<std::string, std::vector<float>>;

// Makes the model, loads the files into it and runs it. Returns the outputs' values.
Result<Outputs> loadAndRun(const TinyModel& tiny, const test::Files& files, const Execution& execution) {
  ModelOptions options;
  options.dtype = tiny.dtype;
  BEIT_ASSIGN(const auto model, createModel(tiny.config, tiny.class_name, options, execution));
  Checkpoint checkpoint;
  BEIT_TRY(test::load(checkpoint, model->parameters(), files, 4096, true));
  BEIT_ASSIGN(const auto pass, model->begin(inputsOf(tiny), {.output_hidden_states = true, .output_attentions = true}));
  for (bool done = false; !done;) {
    BEIT_ASSIGN(done, pass->step());
  }
  Outputs outputs;
  for (const auto& [name, tensor] : pass->outputs())
    outputs[name].assign(tensor.values.data(), tensor.values.data() + tensor.values.size());
  return outputs;
}

test::Files filesOf(const TinyModel& tiny) {
  const auto model = createModel(tiny.config, tiny.class_name, {}, test::execution());
  REQUIRE(model.ok());
  const ParameterList& parameters = (*model)->parameters();
  test::Weights weights = test::randomWeights(parameters, 7);
  for (auto& [name, values] : weights)
    if (name.ends_with("running_var")) values.assign(values.size(), 1.0f);  // no roots of what is below 0
  return {{"model.safetensors", test::safetensorsFile(test::tensorsOf(parameters, weights, [](const std::string& name) { return name; }))}};
}

struct Refusal {
  bool happened = false;
  std::string wrong;  // what must not be, or empty
};

// Loads and runs the model with one allocation refused: the one after `granted` others.
Refusal refuseOne(const TinyModel& tiny, const test::Files& files, const Execution& execution, const Outputs& expected, int64_t granted) {
  Refusal refusal;
  refusal.wrong.reserve(1000);  // no allocation of its own while they are counted
  test::refuseAllocation(granted);
  // The catch stands for guarded() in bindings/js_values.h, the only place that knows exceptions.
  try {
    const auto outputs = loadAndRun(tiny, files, execution);
    refusal.happened = test::allocationsSince().refused;
    // Whoever can do without (std::stable_sort) may, if the answer is the same.
    if (outputs.ok()) refusal.wrong = *outputs == expected ? "" : "another answer";
    else if (!refusal.happened || outputs.error().code != ErrorCode::kOutOfMemory) refusal.wrong = outputs.error().message;
  } catch (const std::bad_alloc&) {
    refusal.happened = test::allocationsSince().refused;
    if (!refusal.happened) refusal.wrong = "std::bad_alloc, though all was granted";
  }
  if (const int64_t left = test::grantAll().left; left != 0) refusal.wrong += " (" + std::to_string(left) + " blocks were left)";
  return refusal;
}

}  // namespace

TEST_CASE("each allocation of a load and a pass may be refused", "[allocation]") {
  const auto execution = Execution::create(1);  // in which the n-th allocation is always the same
  REQUIRE(execution.ok());
  try {
    throw std::bad_alloc();  // a thread's first exception takes a block that it keeps
  } catch (const std::bad_alloc&) {
  }
  for (const TinyModel& tiny : kModels) {
    DYNAMIC_SECTION(tiny.class_name << (tiny.dtype == WeightType::kInt8 ? ", int8" : "")) {
      const test::Files files = filesOf(tiny);
      const auto expected = loadAndRun(tiny, files, **execution);  // what is made once is made now
      if (!expected.ok()) FAIL(expected.error().message);
      int64_t allocation = 0;
      // The last of them is granted everything, and has to be as if nothing had been before it.
      for (bool refused = true; refused; ++allocation) {
        const Refusal refusal = refuseOne(tiny, files, **execution, *expected, allocation);
        refused = refusal.happened;
        if (!refusal.wrong.empty()) FAIL_CHECK("allocation " << allocation << ": " << refusal.wrong);
      }
      CHECK(allocation > 100);
    }
  }
}

// A refusal on a pool's thread could not be caught: what tasks need is allocated before they start.
TEST_CASE("no task of the pool allocates", "[allocation]") {
  for (const TinyModel& tiny : kModels) {
    DYNAMIC_SECTION(tiny.class_name << (tiny.dtype == WeightType::kInt8 ? ", int8" : "")) {
      const test::Files files = filesOf(tiny);
      test::refuseAllocation(INT64_MAX);
      const auto outputs = loadAndRun(tiny, files, test::execution());
      const auto count = test::grantAll();
      CHECK(outputs.ok());
      CHECK(count.here > 100);
      CHECK(count.elsewhere == 0);
    }
  }
}
