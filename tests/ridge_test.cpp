// The closed-form head, held against explicit fits of normal equations and against fits without the examples in question.
#include "src/teaching/ridge.h"

#include <Eigen/Dense>
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <numeric>

#include "tests/support/random.h"

namespace beit {

namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Examples of `classes` kinds around centres of their own, and the memory that RidgeExamples views.
struct Pictures {
  int64_t channels, classes;
  std::vector<float> features;
  std::vector<int32_t> labels, bursts;
  std::vector<float> weights;

  Pictures(uint32_t seed, int64_t count, int64_t channels_, int64_t classes_, int64_t burst = 1) : channels(channels_), classes(classes_) {
    test::Random random(seed);
    std::vector<float> centres(static_cast<size_t>(classes * channels));
    for (float& value : centres) value = random.uniform(-1.0f, 1.0f);
    for (int64_t i = 0; i < count; ++i) {
      labels.push_back(static_cast<int32_t>(i % classes));
      bursts.push_back(static_cast<int32_t>(i / (classes * burst) * classes + i % classes));
      for (int64_t c = 0; c < channels; ++c)
        features.push_back(centres[static_cast<size_t>(labels.back() * channels + c)] + random.uniform(-2.0f, 2.0f));
    }
  }

  RidgeExamples view() const { return {features, labels, bursts, channels, classes, weights}; }
  double weight(size_t i) const { return weights.empty() ? 1.0 : weights[i]; }
  size_t count() const { return labels.size(); }
  Eigen::RowVectorXd feature(size_t i) const {
    return Eigen::Map<const Eigen::RowVectorXf>(features.data() + i * static_cast<size_t>(channels), channels).cast<double>();
  }
};

// The naive way: features and a 1, normal equations with the penalty on all but the 1, of the examples for which `kept` holds.
// Returns weights and, last, biases (C + 1, K).
template <typename Kept>
Matrix naive(const Pictures& pictures, double penalty, const Kept& kept) {
  const auto channels = static_cast<Eigen::Index>(pictures.channels);
  Matrix equations = Matrix::Zero(channels + 1, channels + 1), right = Matrix::Zero(channels + 1, pictures.classes);
  for (size_t i = 0; i < pictures.count(); ++i) {
    if (!kept(i)) continue;
    Eigen::RowVectorXd row(channels + 1), target = Eigen::RowVectorXd::Constant(pictures.classes, -1.0);
    row << pictures.feature(i), 1.0;
    target[pictures.labels[i]] = 1.0;
    equations += pictures.weight(i) * row.transpose() * row;
    right += pictures.weight(i) * row.transpose() * target;
  }
  for (Eigen::Index c = 0; c < channels; ++c) equations(c, c) += penalty;
  return equations.fullPivLu().solve(right);
}

Eigen::RowVectorXd scoresOf(const Matrix& solution, const Eigen::RowVectorXd& feature) {
  return feature * solution.topRows(feature.size()) + solution.bottomRows(1);
}

Eigen::RowVectorXd scoresOf(const RidgeHead& head, const Eigen::RowVectorXd& feature) {
  const auto classes = static_cast<Eigen::Index>(head.bias.size());
  return feature * Eigen::Map<const Matrix>(head.weight.data(), classes, feature.size()).transpose() +
         Eigen::Map<const Eigen::RowVectorXd>(head.bias.data(), classes);
}

const auto kAll = [](size_t) { return true; };

}  // namespace

TEST_CASE("A head is that of the normal equations, from few examples and from many", "[ridge]") {
  for (const int64_t count : {8, 24, 90}) {  // fewer than channels, as many, more
    const Pictures pictures(1, count, 24, 4);
    const auto fit = fitRidge(pictures.view());
    REQUIRE(fit.ok());
    const Matrix want = naive(pictures, fit->penalty, kAll);
    for (size_t i = 0; i < pictures.count(); ++i) {
      CAPTURE(count, i);
      CHECK((scoresOf(fit->head, pictures.feature(i)) - scoresOf(want, pictures.feature(i))).cwiseAbs().maxCoeff() <= 1e-10);
    }
  }
}

TEST_CASE("Scores of left-out examples are those of fits without them", "[ridge]") {
  for (const int64_t burst : {1, 3})
    for (const int64_t count : {24, 72}) {
      const Pictures pictures(2, count, 30, 4, burst);
      const auto fit = fitRidge(pictures.view());
      REQUIRE(fit.ok());
      REQUIRE(fit->scores.size() == pictures.count() * 4);
      for (size_t i = 0; i < pictures.count(); ++i) {
        const Matrix without = naive(pictures, fit->penalty, [&](size_t j) { return pictures.bursts[j] != pictures.bursts[i]; });
        const Eigen::Map<const Eigen::RowVectorXd> got(fit->scores.data() + i * 4, 4);
        CAPTURE(burst, count, i);
        CHECK((got - scoresOf(without, pictures.feature(i))).cwiseAbs().maxCoeff() <= 1e-9);
      }
    }
}

TEST_CASE("Weights count in the head, in the scores of left-out examples and in their likelihood", "[ridge]") {
  for (const int64_t count : {24, 72}) {
    Pictures pictures(7, count, 30, 4, 3);
    test::Random random(8);
    for (size_t i = 0; i < pictures.count(); ++i) pictures.weights.push_back(random.uniform(0.05f, 4.0f));
    const auto fit = fitRidge(pictures.view());
    REQUIRE(fit.ok());
    const Matrix want = naive(pictures, fit->penalty, kAll);
    double loss = 0.0, total = 0.0;
    for (size_t i = 0; i < pictures.count(); ++i) {
      const Matrix without = naive(pictures, fit->penalty, [&](size_t j) { return pictures.bursts[j] != pictures.bursts[i]; });
      const Eigen::Map<const Eigen::RowVectorXd> got(fit->scores.data() + i * 4, 4);
      CAPTURE(count, i);
      CHECK((scoresOf(fit->head, pictures.feature(i)) - scoresOf(want, pictures.feature(i))).cwiseAbs().maxCoeff() <= 1e-10);
      CHECK((got - scoresOf(without, pictures.feature(i))).cwiseAbs().maxCoeff() <= 1e-9);
      const Eigen::ArrayXd scores = got.transpose().array() / fit->temperature;
      loss += pictures.weight(i) * (std::log(scores.exp().sum()) - scores[pictures.labels[i]]);
      total += pictures.weight(i);
    }
    CHECK(std::abs(fit->loss - loss / total) <= 1e-9);

    RidgeStatistics statistics(30, 4);
    statistics.add(pictures.view());
    CHECK(std::abs(statistics.count() - total) <= 1e-9);
    const RidgeHead summed = fitRidge(statistics, fit->penalty);
    for (size_t i = 0; i < pictures.count(); ++i)
      CHECK((scoresOf(summed, pictures.feature(i)) - scoresOf(want, pictures.feature(i))).cwiseAbs().maxCoeff() <= 1e-9);
  }
}

TEST_CASE("Strength and temperature have the least negative log-likelihood of left-out examples", "[ridge]") {
  const Pictures pictures(3, 40, 12, 3);
  const auto fit = fitRidge(pictures.view());
  REQUIRE(fit.ok());
  Eigen::RowVectorXd mean = Eigen::RowVectorXd::Zero(12);
  for (size_t i = 0; i < pictures.count(); ++i) mean += pictures.feature(i) / 40.0;
  double variance = 0.0;
  for (size_t i = 0; i < pictures.count(); ++i) variance += (pictures.feature(i) - mean).squaredNorm() / 40.0;

  double least = 1e9, best_lambda = 0.0, best_temperature = 0.0;
  for (int s = 0; s < 11; ++s)
    for (int t = 0; t < 18; ++t) {
      const double lambda = std::pow(10.0, -4.0 + 0.5 * s), temperature = std::pow(2.0, 2.0 - 0.5 * t);
      double loss = 0.0;
      for (size_t i = 0; i < pictures.count(); ++i) {
        const Matrix without = naive(pictures, lambda * variance, [&](size_t j) { return j != i; });
        const Eigen::ArrayXd scores = scoresOf(without, pictures.feature(i)).transpose() / temperature;
        loss += (std::log(scores.exp().sum()) - scores[pictures.labels[i]]) / 40.0;
      }
      if (loss < least) {
        least = loss;
        best_lambda = lambda;
        best_temperature = temperature;
      }
    }
  CHECK(std::abs(fit->lambda / best_lambda - 1.0) <= 1e-12);
  CHECK(std::abs(fit->temperature / best_temperature - 1.0) <= 1e-12);
  CHECK(std::abs(fit->loss - least) <= 1e-9);
}

TEST_CASE("What two people have adds up to the head of both", "[ridge]") {
  const Pictures both(4, 60, 10, 3);
  constexpr size_t kFirst = 21;
  const RidgeExamples all = both.view();
  RidgeStatistics mine(10, 3), theirs(10, 3), whole(10, 3);
  mine.add({all.features.first(kFirst * 10), all.labels.first(kFirst), all.bursts.first(kFirst), 10, 3});
  theirs.add({all.features.subspan(kFirst * 10), all.labels.subspan(kFirst), all.bursts.subspan(kFirst), 10, 3});
  whole.add(all);
  mine.add(theirs);
  CHECK(mine.count() == 60.0);
  const RidgeHead joined = fitRidge(mine, 2.5), once = fitRidge(whole, 2.5);
  const Matrix want = naive(both, 2.5, kAll);
  for (size_t i = 0; i < both.count(); ++i) {
    const Eigen::RowVectorXd scores = scoresOf(joined, both.feature(i));
    CHECK((scores - scoresOf(once, both.feature(i))).cwiseAbs().maxCoeff() <= 1e-12);
    CHECK((scores - scoresOf(want, both.feature(i))).cwiseAbs().maxCoeff() <= 1e-10);
  }
}

TEST_CASE("Examples that are all alike have a head", "[ridge]") {
  Pictures pictures(5, 6, 4, 2);
  std::fill(pictures.features.begin(), pictures.features.end(), 0.5f);
  const auto fit = fitRidge(pictures.view());
  REQUIRE(fit.ok());
  for (const double value : fit->head.weight) CHECK(std::abs(value) <= 1e-12);
  for (const double value : fit->scores) CHECK(std::isfinite(value));
}

TEST_CASE("Examples that cannot be fitted are refused, and why", "[ridge]") {
  const auto messageOf = [](const RidgeExamples& examples) {
    const auto fit = fitRidge(examples);
    REQUIRE(!fit.ok());
    CHECK(fit.error().code == ErrorCode::kInvalidArgument);
    return fit.error().message;
  };
  const Pictures good(6, 6, 4, 2);
  const auto has = [](const std::string& message, const char* text) { return message.find(text) != std::string::npos; };
  RidgeExamples short_one = good.view();
  short_one.features = short_one.features.first(23);
  CHECK(has(messageOf(short_one), "23 numbers"));
  Pictures one_class = good;
  one_class.classes = 1;
  CHECK(has(messageOf(one_class.view()), "at least two"));
  Pictures odd = good;
  odd.labels[3] = 2;
  CHECK(has(messageOf(odd.view()), "the label 2"));
  Pictures burst = good;
  std::fill(burst.bursts.begin(), burst.bursts.end(), 7);
  CHECK(has(messageOf(burst.view()), "one burst of all"));
  Pictures nan = good;
  nan.features[9] = std::nanf("");
  CHECK(has(messageOf(nan.view()), "example 2"));
  Pictures light = good;
  light.weights = {1.0f, 2.0f, 0.0f, 1.0f, 1.0f, 1.0f};
  CHECK(has(messageOf(light.view()), "the weight of example 2"));
  light.weights.pop_back();
  CHECK(has(messageOf(light.view()), "5 weights"));
}

}  // namespace beit
