// Models in training against PyTorch, by steps of a whole model; what they begin with, and what they refuse.
#include "src/training/training_run.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <numeric>
#include <set>
#include <string>

#include "tests/support/runtime.h"
#include "tests/support/training_golden.h"

namespace beit {
namespace {

constexpr const char* kProcessor = R"({"size": {"height": 16, "width": 16}, "do_center_crop": false})";

std::string configJson(const std::string& more = "") {
  return R"({"hidden_size": 4, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 4, "image_size": 16, "patch_size": 8,
             "use_relative_position_bias": true, "use_absolute_position_embeddings": true, "drop_path_rate": 0.0,
             "id2label": {"0": "a", "1": "b", "2": "c"}, "label2id": {"a": 0, "b": 1, "c": 2})" +
         more + "}";
}

std::unique_ptr<TrainingRun> begun(const std::string& settings, const std::string& config = configJson()) {
  auto run = TrainingRun::create(config, kProcessor, settings, test::execution());
  REQUIRE(run.ok());
  return std::move(run).value();
}

// Gives it the golden model's weights.
void fill(TrainingRun& run) {
  const Json golden = test::trainingGolden();
  size_t i = 0;
  for (const JsonValue row : golden.root().find("parameters").items()) {
    const std::string name((*row.items().begin()).asString().value());
    const Parameter* parameter = run.model().parameters().find(name);
    REQUIRE(parameter != nullptr);
    std::vector<float> values(static_cast<size_t>(elementCount(parameter->shape).value()));
    test::drawFloats(100 + i++, values, 0.5f);
    REQUIRE(run.supply(name, values).ok());
  }
  REQUIRE(run.finish().ok());
}

void finish(ForwardPass& pass) {
  for (bool done = false; !done;) {
    const auto stepped = pass.step();
    REQUIRE(stepped.ok());
    done = *stepped;
  }
}

// One step by a batch of four that is there, in passes of so many examples. Returns the loss: of each pass as much as its share is.
template <typename Share>
double learn(TrainingRun& run, int64_t micro_batch, const Share& share) {
  REQUIRE(run.mix().ok());
  double loss = 0.0;
  for (int64_t first = 0; first < 4; first += micro_batch) {
    const int64_t count = std::min(micro_batch, 4 - first);
    auto pass = run.begin(first, count);
    REQUIRE(pass.ok());
    finish(**pass);
    for (const NamedTensor& output : (*pass)->outputs()) {
      if (output.name == "loss") loss += static_cast<double>(output.tensor.values.data()[0]) * share(first, count);
    }
  }
  REQUIRE(run.applyStep().ok());
  return loss;
}

double learn(TrainingRun& run, int64_t micro_batch) {
  return learn(run, micro_batch, [](int64_t, int64_t count) { return static_cast<double>(count) / 4.0; });
}

// The same by the golden batch of that number.
double step(TrainingRun& run, int64_t number, int64_t micro_batch) {
  REQUIRE(run.startBatch(4, true).ok());
  for (int64_t i = 0; i < 4; ++i) {
    std::vector<float> pixels(3 * 16 * 16);
    test::drawFloats(static_cast<uint64_t>(5000 + 10 * number + i), pixels);
    REQUIRE(run.addValues(pixels, (number + i) % 3).ok());
  }
  return learn(run, micro_batch);
}

std::string settingsOf(const std::string& method, const std::string& more = "") {
  return R"({"method": ")" + method +
         R"(", "rate": 0.05, "total_steps": 20, "warmup_steps": 6, "schedule": "linear", "conventions": "transformers",
             "weight_decay": 0.1, "clip": 1.0, "smoothing": 0.1)" +
         more + "}";
}

TEST_CASE("twenty steps of a whole model have PyTorch's losses", "[training_run]") {
  const Json golden = test::trainingGolden();
  for (const char* method : {"full", "vectors"}) {
    const auto expected = test::doublesOf(golden.root().find("learned").find(method));
    REQUIRE(expected.size() == 20);
    const auto run = begun(settingsOf(method));
    fill(*run);
    for (size_t i = 0; i < expected.size(); ++i) {
      const double loss = step(*run, static_cast<int64_t>(i), 4);
      CAPTURE(method, i, loss, expected[i]);
      CHECK(std::fabs(loss - expected[i]) <= 1e-4 * expected[i]);
    }
    CHECK(run->trainer()->steps() == 20);
  }
}

std::vector<float> valuesAfter(int64_t steps, int64_t micro_batch) {
  const auto run = begun(settingsOf("full"));
  fill(*run);
  for (int64_t i = 0; i < steps; ++i) step(*run, i, micro_batch);
  std::vector<float> values;
  for (const TrainedParameter& parameter : run->model().trained()) {
    const auto span = parameter.value.span();
    values.insert(values.end(), span.begin(), span.end());
  }
  return values;
}

TEST_CASE("a step is the same in passes of one, two and four examples", "[training_run]") {
  const auto expected = valuesAfter(2, 4);
  for (const int64_t micro_batch : {1, 2, 3}) {
    const auto values = valuesAfter(2, micro_batch);
    double furthest = 0.0;
    for (size_t i = 0; i < values.size(); ++i) furthest = std::max<double>(furthest, std::fabs(values[i] - expected[i]));
    CAPTURE(micro_batch);
    CHECK(furthest < 1e-6);
  }
}

// make_training.py, learned_masked()
std::unique_ptr<TrainingRun> masked() {
  auto run = begun(R"({"task": "mim", "rate": 0.02, "total_steps": 20, "warmup_steps": 6, "warmup_rate": 0.002, "min_rate": 0.0002,
                       "weight_decay": 0.05, "clip": 0.7})",
                   R"({"hidden_size": 4, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 4, "image_size": 16,
                       "patch_size": 4, "vocab_size": 7, "use_shared_relative_position_bias": true, "use_mask_token": true,
                       "drop_path_rate": 0.0})");
  std::vector<std::string> names;
  for (const Parameter& parameter : run->model().parameters().all()) names.push_back(parameter.name);
  std::sort(names.begin(), names.end());
  for (size_t i = 0; i < names.size(); ++i) {
    std::vector<float> values(static_cast<size_t>(elementCount(run->model().parameters().find(names[i])->shape).value()));
    test::drawFloats(100 + i, values, 0.5f);
    REQUIRE(run->supply(names[i], values).ok());
  }
  REQUIRE(run->finish().ok());
  return run;
}

double maskedStep(TrainingRun& run, int64_t number, int64_t micro_batch) {
  REQUIRE(run.startBatch(4, true).ok());
  std::vector<double> hidden;
  for (int64_t i = 0; i < 4; ++i) {
    const auto seed = static_cast<uint64_t>(5000 + 10 * number + i);
    std::vector<float> pixels(3 * 16 * 16);
    test::drawFloats(seed, pixels);
    std::vector<uint8_t> mask;
    std::vector<int32_t> tokens;
    for (const uint32_t n : test::drawn(seed + 1, 16)) mask.push_back(n % 5 < 2 ? 1 : 0);
    for (const uint32_t n : test::drawn(seed + 2, 16)) tokens.push_back(static_cast<int32_t>(n % 7));
    REQUIRE(run.addValues(pixels).ok());
    REQUIRE(run.hide(mask, tokens).ok());
    hidden.push_back(static_cast<double>(std::count(mask.begin(), mask.end(), 1)));
  }
  const double all = std::accumulate(hidden.begin(), hidden.end(), 0.0);
  return learn(run, micro_batch, [&](int64_t first, int64_t count) {
    return std::accumulate(hidden.begin() + first, hidden.begin() + first + count, 0.0) / all;
  });
}

TEST_CASE("twenty steps of masked images have PyTorch's losses, in passes of any size", "[training_run]") {
  const Json golden = test::trainingGolden();
  const auto expected = test::doublesOf(golden.root().find("masked"));
  REQUIRE(expected.size() == 20);
  for (const int64_t micro_batch : {4, 3, 1}) {
    const auto run = masked();
    for (size_t i = 0; i < expected.size(); ++i) {
      const double loss = maskedStep(*run, static_cast<int64_t>(i), micro_batch);
      CAPTURE(micro_batch, i, loss, expected[i]);
      CHECK(std::fabs(loss - expected[i]) <= 1e-4 * expected[i]);
    }
  }
}

TEST_CASE("examples are those of the run's task", "[training_run]") {
  const auto run = masked();
  const std::vector<float> pixels(3 * 16 * 16);
  const std::vector<int32_t> tokens(16);
  const std::vector<uint8_t> mask(16, 1), shown(16);
  CHECK(run->addValues(pixels).error().code == ErrorCode::kInvalidArgument);
  REQUIRE(run->startBatch(1, true).ok());
  CHECK(run->addValues(pixels, 0).error().code == ErrorCode::kInvalidArgument);
  CHECK(run->hide(mask, tokens).error().code == ErrorCode::kInvalidArgument);
  REQUIRE(run->addValues(pixels).ok());
  CHECK(run->addValues(pixels).error().code == ErrorCode::kInvalidArgument);
  CHECK(run->hide(shown, tokens).error().where == "mask");
  CHECK(run->hide(mask, std::vector<int32_t>(16, 7)).error().where == "token");
  CHECK(run->hide(std::vector<uint8_t>(15, 1), tokens).error().code == ErrorCode::kWrongShape);
  CHECK(run->begin(0, 1).error().code == ErrorCode::kInvalidArgument);
  REQUIRE(run->hide(mask, tokens).ok());
  CHECK(run->begin(0, 1).ok());
  CHECK(run->addValues(pixels).error().code == ErrorCode::kInvalidArgument);

  const auto classifier = begun(settingsOf("full"));
  fill(*classifier);
  REQUIRE(classifier->startBatch(1, true).ok());
  CHECK(classifier->addValues(pixels).error().code == ErrorCode::kInvalidArgument);
  CHECK(classifier->addViews(test::drawnPicture(1, {16, 16}), 0, 0).error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("the tokenizer's view has eight pixels for each patch", "[training_run]") {
  const auto run = masked();
  for (const bool learn : {true, false}) {
    REQUIRE(run->startBatch(1, learn).ok());
    const auto view = run->addViews(test::drawnPicture(1, {20, 30}), 0, 0);
    REQUIRE(view.ok());
    CHECK(view->shape == Shape{1, 3, 32, 32});
    for (const float value : view->values.span()) CHECK((value >= 0.0f && value <= 1.0f));
  }
  CHECK(run->maskSeed(0, 1) != run->maskSeed(1, 0));
  CHECK(run->maskSeed(2, 3) == run->maskSeed(2, 3));
}

TEST_CASE("what does not learn does not move by a bit", "[training_run]") {
  const auto run = begun(settingsOf("last:1"));
  fill(*run);
  std::vector<std::vector<float>> before;
  for (const TrainedParameter& parameter : run->model().trained())
    before.emplace_back(parameter.value.span().begin(), parameter.value.span().end());
  step(*run, 0, 4);
  step(*run, 1, 4);
  int moved = 0, frozen = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    const TrainedParameter& parameter = run->model().trained()[i];
    const bool same = std::equal(before[i].begin(), before[i].end(), parameter.value.data());
    CAPTURE(parameter.name);
    CHECK(same != parameter.trained);
    (parameter.trained ? moved : frozen) += 1;
  }
  CHECK((moved > 10 && frozen > 10));
}

TEST_CASE("states that frozen layers made once are as good as pixels, to the last bit", "[training_run]") {
  const char* method = GENERATE("last:1", "last:0");
  const std::string settings = settingsOf(method, R"(, "drop_path": 0.6)");  // of layers that learn
  const auto plain = begun(settings), cached = begun(settings);
  fill(*plain);
  fill(*cached);
  std::vector<std::vector<float>> states;
  REQUIRE(cached->startBatch(4, true).ok());
  for (int64_t i = 0; i < 4; ++i) {
    std::vector<float> pixels(3 * 16 * 16);
    test::drawFloats(static_cast<uint64_t>(5000 + i), pixels);
    REQUIRE(cached->addValues(pixels, 0).ok());
  }
  for (int64_t first = 0; first < 4; first += 3) {
    auto pass = cached->frozenPass(first, std::min<int64_t>(3, 4 - first));
    REQUIRE(pass.ok());
    finish(**pass);
    REQUIRE((*pass)->outputs().size() == 1);
    const auto values = (*pass)->outputs()[0].tensor.values.span();
    for (size_t at = 0; at < values.size(); at += 5 * 4)
      states.emplace_back(values.begin() + static_cast<ptrdiff_t>(at), values.begin() + static_cast<ptrdiff_t>(at + 5 * 4));
  }
  REQUIRE(states.size() == 4);
  for (int turn = 0; turn < 3; ++turn) {
    const double expected = step(*plain, 0, 2);
    REQUIRE(cached->startBatch(4, true, /*states=*/true).ok());
    for (int64_t i = 0; i < 4; ++i) REQUIRE(cached->addValues(states[static_cast<size_t>(i)], i % 3).ok());
    CHECK(learn(*cached, 2) == expected);
  }
  CHECK(begun(settingsOf("full"))->frozenPass(0, 1).error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("a run begins with other models' tensors", "[training_run]") {
  const auto run = begun(settingsOf("full"));
  for (const Parameter& parameter : run->model().parameters().all()) {
    if (!parameter.name.starts_with("beit.") || parameter.name.starts_with("beit.pooler.") || parameter.name.ends_with("bias_table"))
      continue;
    std::vector<float> values(static_cast<size_t>(elementCount(parameter.shape).value()), 0.25f);
    REQUIRE(run->supply(parameter.name, values).ok());
  }
  std::vector<float> table(12 * 2);
  std::iota(table.begin(), table.end(), 0.0f);
  auto copy = table;
  CHECK(run->finish().error().code == ErrorCode::kMissingTensor);
  REQUIRE(run->supply("beit.encoder.relative_position_bias.relative_position_bias_table", copy).ok());
  CHECK(run->supply("lm_head.weight", copy).ok());
  CHECK(run->finish().ok());
  std::set<float> head;
  for (const TrainedParameter& parameter : run->model().trained()) {
    const auto values = parameter.value.span();
    if (parameter.name.ends_with("bias_table")) CHECK(std::equal(table.begin(), table.end(), values.begin()));
    if (parameter.name == "beit.pooler.layernorm.weight")
      CHECK(std::all_of(values.begin(), values.end(), [](float v) { return v == 1.0f; }));
    if (parameter.name == "beit.pooler.layernorm.bias") CHECK(std::all_of(values.begin(), values.end(), [](float v) { return v == 0.0f; }));
    if (parameter.name == "classifier.weight") head.insert(values.begin(), values.end());
  }
  CHECK(head.size() == 12);
  for (const float value : head) CHECK(std::fabs(value) < 0.12f);
}

TEST_CASE("a head of other labels is left out, and any other tensor of another size refused", "[training_run]") {
  const auto run = begun(settingsOf("full"));
  std::vector<float> values(20);
  CHECK(run->supply("classifier.weight", values).ok());
  const Status refused = run->supply("beit.embeddings.cls_token", values);
  CHECK(refused.error().code == ErrorCode::kWrongShape);
  CHECK(refused.error().where == "beit.embeddings.cls_token");
}

TEST_CASE("an order of pictures has each once, and is another in each epoch", "[training_run]") {
  const auto run = begun(settingsOf("full"));
  const auto first = run->order(0, 50).value(), second = run->order(1, 50).value(), again = run->order(0, 50).value();
  CHECK(std::set<int32_t>(first.begin(), first.end()).size() == 50);
  CHECK(std::equal(first.begin(), first.end(), again.begin()));
  CHECK(!std::equal(first.begin(), first.end(), second.begin()));
}

TEST_CASE("a run refuses what comes in no order", "[training_run]") {
  const auto run = begun(settingsOf("full"));
  CHECK(run->startBatch(4, true).error().code == ErrorCode::kMissingTensor);
  fill(*run);
  CHECK(run->addValues({}, 0).error().code == ErrorCode::kInvalidArgument);
  CHECK(run->begin(0, 1).error().code == ErrorCode::kInvalidArgument);
  CHECK(run->applyStep().error().code == ErrorCode::kInvalidArgument);
  REQUIRE(run->startBatch(1, false).ok());
  CHECK(run->mix().error().code == ErrorCode::kInvalidArgument);
  CHECK(run->applyStep().error().code == ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace beit
