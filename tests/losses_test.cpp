#include "src/beit/losses.h"

#include <algorithm>
#include <cmath>

#include <catch2/catch_test_macros.hpp>

namespace beit {

namespace {

BeitConfig configOf(int64_t classes, std::optional<ProblemType> type = {}) {
  BeitConfig config;
  config.num_labels = classes;
  config.problem_type = type;
  return config;
}

Labels ids(Shape shape, std::vector<int32_t> values) { return {std::move(shape), std::move(values)}; }
Labels values(Shape shape, std::vector<float> floats) { return {std::move(shape), std::move(floats)}; }

Tensor logitsOf(Shape shape, const std::vector<float>& floats) {
  auto tensor = Tensor::allocate(std::move(shape), "logits");
  REQUIRE(tensor.ok());
  std::copy(floats.begin(), floats.end(), tensor->values.data());
  return std::move(tensor).value();
}

std::string refusal(const Labels& labels, const BeitConfig& config, int64_t batch) {
  const Status status = checkClassificationLabels(labels, config, batch);
  return status.ok() ? "" : std::string(codeName(status.error().code)) + " " + status.error().message;
}

bool near(float got, double want) { return std::abs(got - want) <= 1e-6 * std::max(1.0, std::abs(want)); }

const std::vector<float> kLogits{0.5f, -1.25f, 2.0f, 30.0f, -40.0f, 0.125f};
const std::vector<float> kTargets{1.0f, 0.0f, 0.25f, 1.0f, 1.0f, 0.0f};

}  // namespace

TEST_CASE("The kind of problem is the config's, else follows from the labels", "[losses]") {
  const Labels integers = ids({1}, {0}), floats = values({1}, {0.5f});
  CHECK(problemType(integers, configOf(3)) == ProblemType::kSingleLabel);
  CHECK(problemType(floats, configOf(3)) == ProblemType::kMultiLabel);
  CHECK(problemType(integers, configOf(1)) == ProblemType::kRegression);
  CHECK(problemType(floats, configOf(1)) == ProblemType::kRegression);
  for (const ProblemType type : {ProblemType::kRegression, ProblemType::kSingleLabel, ProblemType::kMultiLabel})
    CHECK(problemType(integers, configOf(1, type)) == type);
}

TEST_CASE("Losses are torch's", "[losses]") {
  // x = torch.tensor([[0.5, -1.25, 2.0], [30.0, -40.0, 0.125]]); y = torch.tensor([[1., 0., 0.25], [1., 1., 0.]])
  const Tensor logits = logitsOf({2, 3}, kLogits);
  // CrossEntropyLoss()(x, torch.tensor([2, 1]))
  CHECK(near(classificationLoss(logits, ids({2}, {2, 1}), configOf(3)), 35.116310119628906));
  // BCEWithLogitsLoss()(x, y)
  CHECK(near(classificationLoss(logits, values({2, 3}, kTargets), configOf(3)), 7.185088634490967));
  // MSELoss()(x, y)
  CHECK(near(classificationLoss(logits, values({2, 3}, kTargets), configOf(3, ProblemType::kRegression)), 421.1484375));
  // MSELoss()(x[:, 0], torch.tensor([1., -2.]))
  CHECK(near(classificationLoss(logitsOf({2, 1}, {0.5f, 30.0f}), values({2}, {1.0f, -2.0f}), configOf(1)), 512.125));
  CHECK(near(classificationLoss(logitsOf({2, 1}, {0.5f, 30.0f}), ids({2, 1}, {1, -2}), configOf(1)), 512.125));
}

TEST_CASE("Losses of large logits neither overflow nor vanish", "[losses]") {
  const Tensor logits = logitsOf({1, 2}, {1e30f, -1e30f});
  CHECK(classificationLoss(logits, ids({1}, {0}), configOf(2)) == 0.0f);
  CHECK(near(classificationLoss(logits, ids({1}, {1}), configOf(2)), 2e30));
  CHECK(near(classificationLoss(logits, values({1, 2}, {0.0f, 1.0f}), configOf(2)), 1e30));
}

TEST_CASE("Labels that fit are taken", "[losses]") {
  CHECK(refusal(ids({2}, {0, 2}), configOf(3), 2).empty());
  CHECK(refusal(ids({2, 1}, {0, 2}), configOf(3), 2).empty());
  CHECK(refusal(values({2}, {0.5f, -1.0f}), configOf(1), 2).empty());
  CHECK(refusal(values({2, 3}, kTargets), configOf(3), 2).empty());
  CHECK(refusal(ids({2, 3}, {0, 1, 0, 1, 1, 1}), configOf(3, ProblemType::kMultiLabel), 2).empty());
}

TEST_CASE("Labels that do not fit are refused with what was got and expected", "[losses]") {
  CHECK(refusal(ids({2}, {0, 3}), configOf(3), 2) == "invalid-argument labels: got class 3, expected 0 to 2.");
  CHECK(refusal(ids({2}, {0, -1}), configOf(3), 2) == "invalid-argument labels: got class -1, expected 0 to 2.");
  CHECK(refusal(ids({2}, {-100, 0}), configOf(3), 2) == "invalid-argument labels: got class -100, expected 0 to 2.");
  CHECK(refusal(ids({3}, {0, 1, 2}), configOf(3), 2) == "wrong-shape labels: got [3], expected [2].");
  CHECK(refusal(ids({1, 2}, {0, 1}), configOf(3), 2) == "wrong-shape labels: got [1, 2], expected [2].");
  CHECK(refusal(ids({2}, {0}), configOf(3), 2) == "wrong-shape labels: got [2], expected [2].");
  CHECK(refusal(values({2}, {0.0f, 1.0f}), configOf(3), 2) == "wrong-shape labels: got [2], expected [2, 3].");
  CHECK(refusal(values({3, 2}, kTargets), configOf(3), 2) == "wrong-shape labels: got [3, 2], expected [2, 3].");
  CHECK(refusal(values({2}, {0.0f, 1.0f}), configOf(3, ProblemType::kSingleLabel), 2) ==
        "wrong-type labels: got floats, expected integers, since the problem is single_label_classification.");
  CHECK(refusal(ids({1}, {0}), configOf(0), 1) == "invalid-argument labels: got labels, expected none, since num_labels is 0.");
  CHECK(refusal(ids({}, {}), configOf(3), 2) == "wrong-shape labels: got [], expected [2].");
  // A batch that is no batch: the pixels are refused later, the labels must not count it.
  CHECK(refusal(ids({-1}, {}), configOf(3), -1) == "wrong-shape labels: got [-1], expected [-1].");
  CHECK(refusal(values({int64_t{1} << 60, 3}, {}), configOf(3), int64_t{1} << 60).starts_with("wrong-shape labels"));
}

TEST_CASE("A row of logits beyond what memory can address is an error", "[losses]") {
  if (sizeof(size_t) > 4) SKIP("65536 x 65536 logits can be addressed here: only the 32 bits of wasm wrap to 0.");
  constexpr int64_t kMany = 65536;
  const auto loss = segmentationLoss(logitsOf({1, kMany, 1, 1}, std::vector<float>(kMany)), {},
                                     ids({1, 1, kMany}, std::vector<int32_t>(kMany)), configOf(kMany));
  REQUIRE_FALSE(loss.ok());
  CHECK(loss.error().code == ErrorCode::kOutOfMemory);
}

}  // namespace beit
