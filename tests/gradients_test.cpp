// Gradients of whole models: against float64 autograd of the reference, and what must not change them.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <utility>

#include <catch2/catch_test_macros.hpp>

#include "src/base/json.h"
#include "src/registry.h"
#include "src/training/training_model.h"
#include "tests/support/case.h"
#include "tests/support/files.h"
#include "tests/support/named_tensors.h"
#include "tests/support/random_model.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(BEIT_FIXTURES) / "golden/gradients";

std::vector<fs::path> caseFolders() {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(kFolder))
    if (fs::exists(entry.path() / "case.json")) folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  return folders;
}

// A case, read.
struct Case {
  std::map<std::string, test::NamedValues> tensors;
  std::string class_name;
  BeitConfig config;
  explicit Case(const fs::path& folder) {
    auto read = test::readTensors(folder / "expected.safetensors");
    REQUIRE(read.ok());
    tensors = std::move(read).value();
    const auto json = Json::parse(test::readText(folder / "case.json"), "case.json");
    REQUIRE(json.ok());
    class_name = json->root().find("class").asString().value_or("");
    auto parsed = parseConfig(test::readText(folder / "config.json"));
    REQUIRE(parsed.ok());
    config = std::move(parsed).value();
  }

  TrainingInputs inputs() const {
    TrainingInputs inputs;
    auto read = test::inputsOf(tensors);
    REQUIRE(read.ok());
    static_cast<ForwardInputs&>(inputs) = std::move(read).value();
    if (const auto scale = tensors.find("in.branch_scale"); scale != tensors.end()) inputs.branch_scale = scale->second.floats();
    return inputs;
  }
};

std::unique_ptr<TrainingModel> created(const BeitConfig& config, const std::string& class_name, const Trainable& which = {},
                                       const Execution& execution = test::execution()) {
  auto model = TrainingModel::create(config, class_name, which, execution);
  if (!model.ok()) FAIL(model.error().message);
  return std::move(model).value();
}

std::unique_ptr<TrainingModel> loaded(const fs::path& folder, const Case& given, const Trainable& which = {},
                                      const Execution& execution = test::execution()) {
  auto model = created(given.config, given.class_name, which, execution);
  const Status filled = test::fill(model->parameters(), folder, /*piece=*/10007);
  if (!filled.ok()) FAIL(filled.error().message);
  return model;
}

std::map<std::string, Tensor> run(TrainingModel& model, TrainingInputs inputs, const GradientOptions& options = {}) {
  auto pass = model.begin(std::move(inputs), options);
  if (!pass.ok()) FAIL(pass.error().message);
  for (bool done = false; !done;) {
    const auto step = (*pass)->step();
    if (!step.ok()) FAIL(step.error().message);
    done = *step;
  }
  return test::outputsOf(**pass);
}

// Returns ‖got − want‖ / ‖want‖.
double relative(std::span<const float> got, const std::vector<double>& want) {
  REQUIRE(got.size() == want.size());
  double difference = 0.0, length = 0.0;
  for (size_t i = 0; i < want.size(); ++i) {
    difference += std::pow(static_cast<double>(got[i]) - want[i], 2);
    length += want[i] * want[i];
  }
  return length == 0.0 ? (difference == 0.0 ? 0.0 : INFINITY) : std::sqrt(difference / length);
}

// Returns the parameter's gradient in the case.
const test::NamedValues& wantedGradient(const Case& given, const std::string& name) {
  const auto found = given.tensors.find("grad." + name);
  if (found != given.tensors.end()) return found->second;
  return given.tensors.at("grad.data2vec_vision." + name.substr(std::string("beit.").size()));
}

}  // namespace

TEST_CASE("Every parameter's gradient is autograd's", "[gradients]") {
  const auto folders = caseFolders();
  CHECK(folders.size() == 28);
  for (const auto& folder : folders) DYNAMIC_SECTION(folder.filename().string()) {
      const Case given(folder);
      const auto model = loaded(folder, given);
      const auto outputs = run(*model, given.inputs());
      CHECK(relative(outputs.at("loss").values.span(), given.tensors.at("out.loss").values()) <= 1e-6);
      size_t wanted = 0;
      for (const auto& [name, values] : given.tensors) wanted += name.starts_with("grad.") ? 1 : 0;
      CHECK(wanted == model->trained().size());
      for (const TrainedParameter& each : model->trained()) {
        const auto want = wantedGradient(given, each.name).values();
        CAPTURE(each.name);
        REQUIRE(each.gradient.size() == want.size());
        const double difference = relative(each.gradient.span(), want);
        CAPTURE(difference);
        CHECK(difference <= 1e-5);
        double most = 0.0;
        for (const double value : want) most = std::max(most, std::abs(value));
        for (size_t i = 0; i < want.size(); ++i)
          if (!(std::abs(static_cast<double>(each.gradient.data()[i]) - want[i]) <= 1e-6 + 1e-4 * most)) FAIL_CHECK(i);
        // A mask token that masks nothing is all that may have none.
        const bool unused = each.name.ends_with("mask_token") && !given.tensors.contains("in.bool_masked_pos");
        CHECK((most > 1e-5) == !unused);
      }
    }
}

TEST_CASE("A pass of training answers as the model does", "[gradients]") {
  for (const auto& folder : caseFolders()) DYNAMIC_SECTION(folder.filename().string()) {
      const Case given(folder);
      if (given.tensors.contains("in.branch_scale")) continue;  // which a model does not have
      const auto model = test::loadModel(folder, given.class_name, {}, test::execution(), /*piece=*/10007);
      REQUIRE(model.ok());
      TrainingInputs inputs = given.inputs();
      ForwardInputs for_model = test::copyOf(inputs);
      for_model.labels.reset();
      const auto answer = test::outputsOf(**model, std::move(for_model));
      const Tensor& want = answer.at("logits");
      const auto masked = inputs.bool_masked_pos;
      const auto training = loaded(folder, given);
      const Tensor got = std::move(run(*training, std::move(inputs), {.evaluate = true}).at("logits"));
      const int64_t classes = got.shape[1];
      std::vector<double> wanted;
      for (size_t row = 0; row < want.values.size() / static_cast<size_t>(classes); ++row)
        if (masked.empty() || masked[row])
          wanted.insert(wanted.end(), want.values.data() + static_cast<int64_t>(row) * classes,
                        want.values.data() + static_cast<int64_t>(row + 1) * classes);
      CHECK(relative(got.values.span(), wanted) <= 2e-6);
    }
}

namespace {

BeitConfig smallConfig() {
  BeitConfig config;
  config.hidden_size = 24;
  config.num_attention_heads = 2;
  config.num_hidden_layers = 3;
  config.intermediate_size = 40;
  config.image_size = {32, 24};
  config.patch_size = {4, 4};
  config.num_channels = 2;
  config.use_relative_position_bias = true;
  config.use_shared_relative_position_bias = true;
  config.use_absolute_position_embeddings = true;
  config.use_mask_token = true;
  config.num_labels = 5;
  config.vocab_size = 13;
  return config;
}

constexpr const char* kClassification = "BeitForImageClassification";
constexpr const char* kMasked = "BeitForMaskedImageModeling";

std::unique_ptr<TrainingModel> filled(const BeitConfig& config, const char* class_name, const Trainable& which = {},
                                      const Execution& execution = test::execution()) {
  auto model = created(config, class_name, which, execution);
  REQUIRE(test::fill(model->parameters(), test::randomWeights(model->parameters(), 3)).ok());
  return model;
}

// Random inputs with labels; of a batch's images from `first` on.
TrainingInputs randomBatch(const BeitConfig& config, const char* class_name, int64_t batch, Size image, int64_t first = 0,
                           int64_t count = -1) {
  test::Random random(5);
  const bool masked = class_name == std::string(kMasked);
  TrainingInputs all;
  static_cast<ForwardInputs&>(all) = test::randomInputs(config, batch, image, masked, random);
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < (masked ? static_cast<int64_t>(all.bool_masked_pos.size()) : batch); ++i)
    labels.push_back(static_cast<int32_t>(random.below(masked ? config.vocab_size : config.num_labels)));
  const auto scales = random.floats(static_cast<size_t>(config.num_hidden_layers * 2 * batch), 0.5f, 1.5f);
  if (count < 0) count = batch;

  TrainingInputs inputs;
  const int64_t pixels = config.num_channels * image.area(), patches = config.patchGrid(image).area();
  auto tensor = Tensor::allocate({count, config.num_channels, image.height, image.width}, "pixel_values");
  REQUIRE(tensor.ok());
  inputs.pixel_values = std::move(tensor).value();
  std::copy_n(all.pixel_values.values.data() + first * pixels, count * pixels, inputs.pixel_values.values.data());
  std::vector<int32_t> ids;
  if (masked) {
    inputs.mask_shape = {count, patches};
    for (int64_t i = first * patches; i < (first + count) * patches; ++i) {
      inputs.bool_masked_pos.push_back(all.bool_masked_pos[static_cast<size_t>(i)]);
      if (inputs.bool_masked_pos.back()) ids.push_back(labels[static_cast<size_t>(i)]);
    }
  } else {
    ids.assign(labels.begin() + first, labels.begin() + first + count);
  }
  inputs.labels = Labels{{static_cast<int64_t>(ids.size())}, ids};
  for (int64_t branch = 0; branch < config.num_hidden_layers * 2; ++branch)
    for (int64_t b = first; b < first + count; ++b) inputs.branch_scale.push_back(scales[static_cast<size_t>(branch * batch + b)]);
  return inputs;
}

std::vector<float> gradientOf(TrainingModel& model, const std::string& name) {
  for (const TrainedParameter& each : model.trained())
    if (each.name == name) return {each.gradient.span().begin(), each.gradient.span().end()};
  FAIL(name);
  return {};
}

}  // namespace

TEST_CASE("Gradients do not depend on the number of threads", "[gradients]") {
  if (BEIT_TEST_THREADS == 1) SKIP("this build has one thread");
#if defined(__EMSCRIPTEN__)
  constexpr int kMost = 3;  // of the workers that the tests have
#else
  constexpr int kMost = 4;
#endif
  for (const char* name : {kClassification, kMasked}) {
    std::map<std::string, std::vector<float>> first;
    for (const int threads : {1, 2, kMost}) {
      auto execution = Execution::create(threads);
      REQUIRE(execution.ok());
      const auto model = filled(smallConfig(), name, {}, **execution);
      run(*model, randomBatch(smallConfig(), name, 12, {36, 24}));  // 660 tokens, more than one product of a weight's gradient sums up
      for (const TrainedParameter& each : model->trained()) {
        CAPTURE(name, threads, each.name);
        const auto gradient = gradientOf(*model, each.name);
        CHECK(first.emplace(each.name, gradient).first->second == gradient);
      }
    }
  }
}

TEST_CASE("Parts of a batch add up to its gradients", "[gradients]") {
  for (const char* name : {kClassification, kMasked}) {
    const BeitConfig config = smallConfig();
    const auto whole = filled(config, name), parts = filled(config, name);
    TrainingInputs batch = randomBatch(config, name, 5, {32, 24});
    const auto all = static_cast<float>(elementCount(batch.labels->shape).value());
    run(*whole, std::move(batch));
    for (const auto& [first, count] : {std::pair<int64_t, int64_t>{0, 1}, {1, 3}, {4, 1}}) {
      TrainingInputs part = randomBatch(config, name, 5, {32, 24}, first, count);
      const auto share = static_cast<float>(elementCount(part.labels->shape).value()) / all;
      run(*parts, std::move(part), {.weight = share});
    }
    for (const TrainedParameter& each : whole->trained()) {
      CAPTURE(name, each.name);
      CHECK(relative(gradientOf(*parts, each.name), std::vector<double>(each.gradient.span().begin(), each.gradient.span().end())) <= 1e-6);
    }
    parts->clearGradients();
    for (const TrainedParameter& each : parts->trained())
      for (const float value : each.gradient.span()) REQUIRE(value == 0.0f);
  }
}

TEST_CASE("What is frozen has no gradient, and all else the same", "[gradients]") {
  const BeitConfig config = smallConfig();
  for (const char* name : {kClassification, kMasked}) {
    const auto full = filled(config, name);
    run(*full, randomBatch(config, name, 3, {32, 24}));
    for (const char* method : {"vectors", "last:0", "last:2", "last:3"}) {
      const auto which = parseTrainable(method, config.num_hidden_layers);
      REQUIRE(which.ok());
      const auto model = filled(config, name, *which);
      run(*model, randomBatch(config, name, 3, {32, 24}));
      for (TrainedParameter& each : model->trained()) {
        CAPTURE(name, method, each.name);
        CHECK(each.trained == isTrained(*which, config, each.name));
        CHECK(each.gradient.empty() == !each.trained);
        if (each.trained) CHECK(gradientOf(*full, each.name) == gradientOf(*model, each.name));
      }
      if (*method != 'l') continue;
      // What the frozen layers made once is as good as their pixels.
      const auto again = filled(config, name, *which);
      TrainingInputs inputs = randomBatch(config, name, 3, {32, 24});
      inputs.labels.reset();
      const auto outputs = run(*again, std::move(inputs), {.frozen_states_only = true});
      CHECK(outputs.size() == 1);
      for (TrainedParameter& each : again->trained())
        for (const float value : each.gradient.span()) REQUIRE(value == 0.0f);
      inputs = randomBatch(config, name, 3, {32, 24});
      inputs.pixel_values.values = FloatBuffer();
      inputs.frozen_states.shape = outputs.at("frozen_states").shape;
      auto states = FloatBuffer::copyOf(outputs.at("frozen_states").values.span(), "states");
      REQUIRE(states.ok());
      inputs.frozen_states.values = std::move(states).value();
      run(*again, std::move(inputs));
      for (TrainedParameter& each : model->trained()) CHECK(gradientOf(*again, each.name) == gradientOf(*model, each.name));
    }
  }
}

TEST_CASE("Matrices of the body are all that vectors leave out", "[gradients]") {
  const BeitConfig config = smallConfig();
  const auto model = created(config, kClassification, {Trainable::Method::kVectors});
  for (const TrainedParameter& each : model->trained()) {
    CAPTURE(each.name);
    const bool table = each.name.ends_with("relative_position_bias_table"), head = !each.name.starts_with("beit.");
    const bool vector = each.shape.size() == 1 || each.name.ends_with("_token");
    CHECK(each.trained == (table || head || vector));
  }
}

TEST_CASE("Inputs that training cannot take are errors", "[gradients]") {
  const BeitConfig config = smallConfig();
  const auto model = filled(config, kClassification);
  const auto failsWith = [](TrainingModel& of, TrainingInputs inputs, ErrorCode code, const char* where, GradientOptions options = {}) {
    const auto pass = of.begin(std::move(inputs), options);
    REQUIRE_FALSE(pass.ok());
    CHECK(pass.error().code == code);
    CHECK(pass.error().where == where);
  };
  const auto batch = [&] { return randomBatch(config, kClassification, 2, {32, 24}); };
  TrainingInputs inputs = batch();
  inputs.labels.reset();
  failsWith(*model, std::move(inputs), ErrorCode::kInvalidArgument, "labels");
  inputs = batch();
  inputs.branch_scale.pop_back();
  failsWith(*model, std::move(inputs), ErrorCode::kWrongShape, "branch_scale");
  failsWith(*model, batch(), ErrorCode::kInvalidArgument, "frozen_states", {.frozen_states_only = true});
  inputs = batch();
  inputs.labels->values = std::vector<int32_t>{0, 5};
  failsWith(*model, std::move(inputs), ErrorCode::kInvalidArgument, "labels");

  BeitConfig soft = config;
  soft.problem_type = ProblemType::kSingleLabel;
  inputs = batch();
  inputs.labels = Labels{{2, 4}, std::vector<float>(8)};
  failsWith(*filled(soft, kClassification), std::move(inputs), ErrorCode::kWrongShape, "labels");

  const auto last = filled(config, kClassification, {Trainable::Method::kLast, 1});
  inputs = batch();
  inputs.frozen_states.shape = {2, 48, 24};
  failsWith(*last, std::move(inputs), ErrorCode::kWrongShape, "frozen_states");

  const auto masked = filled(config, kMasked);
  inputs = randomBatch(config, kMasked, 2, {32, 24});
  inputs.mask_shape.reset();
  inputs.bool_masked_pos.clear();
  failsWith(*masked, std::move(inputs), ErrorCode::kInvalidArgument, "bool_masked_pos");

  failsWith(*created(config, kClassification), batch(), ErrorCode::kMissingTensor, "The model's weights");
  const auto other = TrainingModel::create(config, "BeitForSemanticSegmentation", {}, test::execution());
  REQUIRE_FALSE(other.ok());
  CHECK(other.error().code == ErrorCode::kUnsupported);
  for (const char* method : {"", "all", "last", "last:", "last:4", "last:-1", "last:1x"}) {
    CAPTURE(method);
    CHECK_FALSE(parseTrainable(method, 3).ok());
  }
}

}  // namespace beit
