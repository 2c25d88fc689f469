// The optimiser against torch.optim.AdamW with clip_grad_norm_, whatever the number of threads and wherever it was interrupted.
#include "src/training/trainer.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>

#include "src/training/gradient_clipping.h"
#include "tests/support/training_golden.h"

namespace beit {
namespace {

constexpr int64_t kLayers = 2;
#if defined(__EMSCRIPTEN__)  // where threads are workers, of which the tests have so many
constexpr int kThreads = BEIT_TEST_THREADS;
#else
constexpr int kThreads = 2;
#endif

TrainedParameter parameterOf(std::string name, Shape shape, bool trained = true) {
  const int64_t count = elementCount(shape).value();
  TrainedParameter parameter{.name = std::move(name), .shape = std::move(shape), .trained = trained, .value = {}, .gradient = {}};
  parameter.value = FloatBuffer::allocate(count, "a test").value();
  if (trained) parameter.gradient = FloatBuffer::allocate(count, "a test").value();
  return parameter;
}

// The parameters of the golden run, with their first values.
std::vector<TrainedParameter> chosenParameters(const Json& golden) {
  std::vector<TrainedParameter> parameters;
  for (const JsonValue chosen : golden.root().find("chosen").items()) {
    for (const JsonValue row : golden.root().find("parameters").items()) {
      std::vector<JsonValue> fields;
      for (const JsonValue field : row.items()) fields.push_back(field);
      if (fields.at(0).asString() != chosen.asString()) continue;
      Shape shape;
      for (const double side : test::doublesOf(fields.at(1))) shape.push_back(static_cast<int64_t>(side));
      parameters.push_back(parameterOf(std::string(*chosen.asString()), shape));
      test::drawFloats(parameters.size(), parameters.back().value.span());
    }
  }
  REQUIRE(parameters.size() == 7);
  return parameters;
}

void drawGradients(std::vector<TrainedParameter>& parameters, int64_t step) {
  for (size_t i = 0; i < parameters.size(); ++i)
    test::drawFloats(static_cast<uint64_t>(1000 * (step + 1)) + i, parameters[i].gradient.span(), 0.5f);
}

std::unique_ptr<Execution> threads(int count) { return Execution::create(count).value(); }

TrainingSettings unilmSettings() {
  TrainingSettings settings;
  settings.total_steps = 20;
  settings.warmup_steps = 6;
  settings.rate = 0.01;
  settings.min_rate = 0.0001;
  settings.warmup_rate = 0.001;
  settings.weight_decay = 0.05;
  settings.layer_decay = 0.65;
  settings.head_rate_factor = 4.0;
  settings.clip = 2.3;
  return settings;
}

void checkRun(const char* name, const TrainingSettings& settings) {
  const Json golden = test::trainingGolden();
  const JsonValue expected = golden.root().find("optimised").find(name);
  const auto norms = test::doublesOf(expected.find("norms"));
  const auto execution = threads(1);
  auto parameters = chosenParameters(golden);
  const auto trainer = Trainer::create(parameters, settings, kLayers, *execution);
  REQUIRE(trainer.ok());
  int clipped = 0;
  for (int64_t step = 0; step < 20; ++step) {
    drawGradients(parameters, step);
    const auto done = (*trainer)->applyStep();
    REQUIRE(done.ok());
    CHECK(done->step == step + 1);
    CHECK(std::fabs(done->gradient_norm - norms.at(static_cast<size_t>(step))) < 1e-6 * done->gradient_norm);
    clipped += done->gradient_norm > settings.clip;
  }
  CHECK(clipped > 5);
  size_t i = 0;
  double furthest = 0.0;
  for (const JsonValue row : expected.find("values").items()) {
    const auto values = test::doublesOf(row);
    double largest = 0.0;
    for (const double value : values) largest = std::max(largest, std::fabs(value));
    REQUIRE(values.size() == parameters[i].value.size());
    for (size_t k = 0; k < values.size(); ++k)
      furthest = std::max(furthest, std::fabs(parameters[i].value.data()[k] - values[k]) / largest);
    ++i;
  }
  CAPTURE(name, furthest);
  CHECK(furthest < 1e-6);
}

TEST_CASE("twenty steps end where torch.optim.AdamW does", "[trainer]") {
  checkRun("unilm", unilmSettings());
  TrainingSettings settings;
  settings.conventions = TrainingConventions::kTransformers;
  settings.schedule = ScheduleKind::kLinear;
  settings.total_steps = 20;
  settings.warmup_steps = 6;
  settings.rate = 0.01;
  settings.weight_decay = 0.1;
  settings.clip = 1.0;
  checkRun("transformers", settings);
}

// Large enough for several pieces, whose ends are no multiples of a vector.
std::vector<TrainedParameter> largeParameters() {
  std::vector<TrainedParameter> parameters;
  parameters.push_back(parameterOf("beit.encoder.layer.0.output.dense.weight", {70001, 1}));
  parameters.push_back(parameterOf("classifier.weight", {3, 5}));
  parameters.push_back(parameterOf("beit.embeddings.cls_token", {1, 1, 7}, false));
  for (size_t i = 0; i < parameters.size(); ++i) test::drawFloats(i + 1, parameters[i].value.span());
  return parameters;
}

// Values, and moments and averages, after so many steps, interrupted behind `interrupted` of them.
std::vector<float> after(int64_t steps, int thread_count, int64_t interrupted = -1) {
  TrainingSettings settings = unilmSettings();
  settings.moving_average = 0.5;
  const auto execution = threads(thread_count);
  auto parameters = largeParameters();
  auto trainer = Trainer::create(parameters, settings, kLayers, *execution).value();
  const auto step = [&](int64_t number) {
    for (size_t i = 0; i < 2; ++i) test::drawFloats(static_cast<uint64_t>(100 * number) + i, parameters[i].gradient.span());
    REQUIRE(trainer->applyStep().ok());
  };
  for (int64_t number = 0; number < steps; ++number) {
    if (number == interrupted) {
      auto others = largeParameters();
      for (size_t i = 0; i < others.size(); ++i)
        std::copy_n(parameters[i].value.data(), parameters[i].value.size(), others[i].value.data());
      std::vector<std::pair<std::string, std::vector<float>>> kept;
      for (const TrainerState& state : trainer->states()) kept.push_back({state.name, {state.values.begin(), state.values.end()}});
      const int64_t done = trainer->steps();
      trainer.reset();
      parameters = std::move(others);
      trainer = Trainer::create(parameters, settings, kLayers, *execution).value();
      trainer->setSteps(done);
      const auto states = trainer->states();
      REQUIRE(states.size() == kept.size());
      for (size_t i = 0; i < states.size(); ++i) {
        CHECK(states[i].name == kept[i].first);
        std::copy(kept[i].second.begin(), kept[i].second.end(), states[i].values.begin());
      }
    }
    step(number);
  }
  std::vector<float> all;
  for (const TrainedParameter& parameter : parameters)
    all.insert(all.end(), parameter.value.data(), parameter.value.data() + parameter.value.size());
  for (const TrainerState& state : trainer->states()) all.insert(all.end(), state.values.begin(), state.values.end());
  return all;
}

TEST_CASE("steps are the same bits with any number of threads and after a run was interrupted", "[trainer]") {
  const auto expected = after(5, 1);
  CHECK(expected.size() == 4 * (70001 + 15) + 7);
  CHECK(after(5, kThreads) == expected);
  CHECK(after(5, 1, 3) == expected);
  CHECK(after(5, 1, 0) == expected);
}

TEST_CASE("the average follows the values, and is exchanged with them", "[trainer]") {
  TrainingSettings settings = unilmSettings();
  settings.moving_average = 0.15;
  const auto execution = threads(1);
  auto parameters = largeParameters();
  const auto trainer = Trainer::create(parameters, settings, kLayers, *execution).value();
  const float first = parameters[1].value.data()[0], frozen = parameters[2].value.data()[0];
  std::fill_n(parameters[0].gradient.data(), parameters[0].gradient.size(), 0.0f);
  std::fill_n(parameters[1].gradient.data(), parameters[1].gradient.size(), 0.25f);
  REQUIRE(trainer->applyStep().ok());
  const float value = parameters[1].value.data()[0];
  CHECK(value < first);
  trainer->exchangeAverage();
  CHECK(trainer->exchanged());
  CHECK(std::fabs(parameters[1].value.data()[0] - (0.15f * first + 0.85f * value)) < 1e-6f);
  CHECK(parameters[2].value.data()[0] == frozen);
  trainer->exchangeAverage();
  CHECK(!trainer->exchanged());
  CHECK(parameters[1].value.data()[0] == value);
}

TEST_CASE("gradients that are no numbers move nothing", "[trainer]") {
  const auto execution = threads(1);
  auto parameters = largeParameters();
  const auto trainer = Trainer::create(parameters, unilmSettings(), kLayers, *execution).value();
  for (size_t i = 0; i < 2; ++i) test::drawFloats(i, parameters[i].gradient.span());
  parameters[0].gradient.data()[70000] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> before(parameters[1].value.data(), parameters[1].value.data() + 15);
  const auto step = trainer->applyStep();
  REQUIRE(!step.ok());
  CHECK(step.error().code == ErrorCode::kInvalidArgument);
  CHECK(trainer->steps() == 0);
  CHECK(std::equal(before.begin(), before.end(), parameters[1].value.data()));
}

TEST_CASE("memory is told before", "[trainer]") {
  const auto parameters = largeParameters();
  TrainingSettings settings = unilmSettings();
  CHECK(Trainer::estimate(parameters, settings) == 2 * 4 * (70001 + 15));
  settings.moving_average = 0.9;
  CHECK(Trainer::estimate(parameters, settings) == 3 * 4 * (70001 + 15));
}

TEST_CASE("gradients are scaled down to the limit, and not up", "[trainer]") {
  CHECK(clippingFactor(4.0, 0.0) == 1.0f);
  CHECK(clippingFactor(1.0, 2.0) == 1.0f);
  CHECK(std::fabs(clippingFactor(4.0, 2.0) - 0.5f) < 1e-6f);
  CHECK(clippingFactor(0.0, 2.0) == 1.0f);
}

}  // namespace
}  // namespace beit
