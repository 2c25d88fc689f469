#include "src/layers/layer_norm.h"

#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "tests/support/random.h"
#include "tests/support/reference.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

using test::Matrix;

constexpr int64_t kChannels[] = {1, 2, 3, 4, 5, 7, 8, 9, 12, 63, 64, 770};

// A layer norm with random weights, as a model's list fills it.
struct Filled {
  Filled(int64_t channels, double epsilon, test::Random& random) {
    ParameterList parameters;
    norm.declare(parameters, "norm", channels, epsilon);
    weights["norm.weight"] = random.floats(static_cast<size_t>(channels), 0.5f, 1.5f);
    weights["norm.bias"] = random.floats(static_cast<size_t>(channels), -1.0f, 1.0f);
    REQUIRE(test::fill(parameters, weights).ok());
  }
  Matrix reference(const Matrix& x, double epsilon) const {
    return test::layerNorm(x, test::toVector(weights.at("norm.weight")), test::toVector(weights.at("norm.bias")), epsilon);
  }
  LayerNorm norm;
  test::Weights weights;
};

}  // namespace

TEST_CASE("LayerNorm normalises rows of any width, in place too", "[layer_norm]") {
  test::Random random(1);
  for (const int64_t channels : kChannels) {
    for (const int64_t rows : {1, 7, 8, 9, 20}) {
      CAPTURE(channels, rows);
      const Filled filled(channels, 1e-3, random);
      const auto x = random.floats(static_cast<size_t>(rows * channels), -2.0f, 3.0f);
      std::vector<float> y(x.size()), in_place = x;
      filled.norm.run(test::execution(), rows, x.data(), y.data());
      filled.norm.run(test::execution(), rows, in_place.data(), in_place.data());
      // Sums of up to 770 floats; two channels near each other magnify what their difference lost.
      CHECK(test::relativeDifference(y, filled.reference(test::toMatrix(x, rows), 1e-3)) <= 1e-5);
      CHECK(in_place == y);
    }
  }
}

TEST_CASE("LayerNorm keeps its digits beside a large mean", "[layer_norm]") {
  test::Random random(2);
  const Filled filled(768, 1e-12, random);
  auto x = random.floats(768, -1.0f, 1.0f);
  for (float& value : x) value += 1000.0f;
  std::vector<float> y(x.size());
  filled.norm.run(test::execution(), 1, x.data(), y.data());
  // The mean itself is rounded to a unit in the last place of 1000, 6e-5, of a deviation of 0.6.
  CHECK(test::relativeDifference(y, filled.reference(test::toMatrix(x, 1), 1e-12)) <= 5e-4);
}

TEST_CASE("LayerNorm of equal channels is its bias", "[layer_norm]") {
  test::Random random(3);
  const Filled filled(12, 1e-12, random);
  const std::vector<float> x(12, 0.25f);
  std::vector<float> y(12);
  filled.norm.run(test::execution(), 1, x.data(), y.data());
  CHECK(y == filled.weights.at("norm.bias"));
}

TEST_CASE("A residual branch is scaled, added and normalised in one pass", "[layer_norm]") {
  test::Random random(4);
  for (const int64_t channels : kChannels) {
    for (const bool scaled : {false, true}) {
      CAPTURE(channels, scaled);
      constexpr int64_t kRows = 11;
      const Filled filled(channels, 1e-3, random);
      const auto before = random.floats(static_cast<size_t>(kRows * channels), -1.0f, 1.0f);
      const auto branch = random.floats(before.size(), -1.0f, 1.0f);
      const auto scale = random.floats(static_cast<size_t>(channels), 0.1f, 0.9f);
      Matrix sum = test::toMatrix(branch, kRows);
      if (scaled) sum *= test::toVector(scale).asDiagonal();
      sum += test::toMatrix(before, kRows);

      auto states = before, added = before;
      std::vector<float> y(before.size());
      filled.norm.runAfterResidual(test::execution(), kRows, states.data(), branch.data(), scaled ? scale.data() : nullptr, y.data());
      addResidual(test::execution(), kRows, channels, added.data(), branch.data(), scaled ? scale.data() : nullptr);
      CHECK(test::relativeDifference(states, sum) <= 2e-7);  // one rounding, or two
      CHECK(added == states);
      CHECK(test::relativeDifference(y, filled.reference(sum, 1e-3)) <= 1e-5);
      auto overwritten = branch;  // as the encoder has it: the branch is the output
      states = before;
      filled.norm.runAfterResidual(test::execution(), kRows, states.data(), overwritten.data(), scaled ? scale.data() : nullptr,
                                   overwritten.data());
      CHECK(overwritten == y);
    }
  }
}

}  // namespace beit
