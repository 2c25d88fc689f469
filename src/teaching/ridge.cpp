#include "src/teaching/ridge.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "src/teaching/matrix.h"

namespace beit {

namespace {

// Half powers of ten from 1e-4 to 10. Beyond them no task was found whose best strength they are.
constexpr int kStrengths = 11;
double strength(int index) { return std::pow(10.0, -4.0 + 0.5 * index); }

// Half powers of two, by which scores are multiplied: 1 / temperature. Scores are about 1 apart.
constexpr int kSharpnesses = 18;
double sharpness(int index) { return std::pow(2.0, -2.0 + 0.5 * index); }

using Burst = std::vector<size_t>;

std::vector<Burst> burstsOf(std::span<const int32_t> numbers) {
  std::vector<size_t> order(numbers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return numbers[a] != numbers[b] ? numbers[a] < numbers[b] : a < b; });
  std::vector<Burst> bursts;
  for (const size_t i : order) {
    if (bursts.empty() || numbers[bursts.back().front()] != numbers[i]) bursts.emplace_back();
    bursts.back().push_back(i);
  }
  return bursts;
}

// How much each example counts, so that the fit is a plain one of rows that are multiplied by `roots`.
struct Shares {
  std::vector<double> weights, roots;
  double total = 0.0;

  explicit Shares(const RidgeExamples& examples) : weights(examples.labels.size(), 1.0), roots(examples.labels.size(), 1.0) {
    for (size_t i = 0; i < examples.weights.size(); ++i) {
      weights[i] = static_cast<double>(examples.weights[i]);
      roots[i] = std::sqrt(weights[i]);
    }
    total = std::accumulate(weights.begin(), weights.end(), 0.0);
  }
};

std::vector<double> meansOf(const Matrix& a, const Shares& shares) {
  std::vector<double> means(a.columns);
  for (size_t j = 0; j < a.columns; ++j)
    means[j] = std::inner_product(a.column(j), a.column(j) + a.rows, shares.weights.begin(), 0.0) / shares.total;
  return means;
}

void subtract(Matrix& a, const std::vector<double>& means) {
  for (size_t j = 0; j < a.columns; ++j)
    for (size_t i = 0; i < a.rows; ++i) a(i, j) -= means[j];
}

// The fits of all strengths at once. With A the centred features, each row times the root of its example's weight, and A AT = U w UT,
// the scores that a fit gives its own examples are, times these roots r, H (r y) with H = P (w + penalty)^-1 PT + r rT / total and
// P = U sqrt(w). AT A has the same eigenvalues w, and P = A V.
struct Path {
  double total = 0.0;           // of the weights
  std::vector<double> mean;     // (C)
  std::vector<double> targets;  // (K): their means
  std::vector<double> values;   // w (R)
  Matrix rows;                  // P (N, R)
  Matrix across;                // PT (R, N)
  Matrix loads;                 // PT times the centred targets (R, K)
  Matrix back;                  // what takes loads / (w + penalty) to weights: V (C, R); for few examples AT (C, N), behind P / w
  bool dual = false;

  double variance() const {
    const double mean_square = std::accumulate(values.begin(), values.end(), 0.0) / total;
    return mean_square > 0.0 ? mean_square : 1.0;
  }
  std::vector<double> factorsOf(double penalty) const {
    std::vector<double> factors(values.size());
    for (size_t r = 0; r < values.size(); ++r) factors[r] = 1.0 / (values[r] + penalty);
    return factors;
  }
  RidgeHead head(double penalty) const;
};

// Returns the features (N, C).
Matrix featuresOf(const RidgeExamples& examples) {
  const size_t n = examples.labels.size(), channels = static_cast<size_t>(examples.channels);
  Matrix features(n, channels);
  for (size_t i = 0; i < n; ++i)
    for (size_t c = 0; c < channels; ++c) features(i, c) = examples.features[i * channels + c];
  return features;
}

Matrix scaledRows(Matrix a, const std::vector<double>& factors) {
  for (size_t j = 0; j < a.columns; ++j)
    for (size_t i = 0; i < a.rows; ++i) a(i, j) *= factors[i];
  return a;
}

Path decompose(const RidgeExamples& examples, const Matrix& targets, const Shares& shares) {
  Path path;
  path.total = shares.total;
  path.targets = meansOf(targets, shares);
  Matrix features = featuresOf(examples);
  path.mean = meansOf(features, shares);
  subtract(features, path.mean);
  features = scaledRows(std::move(features), shares.roots);
  path.dual = features.rows <= features.columns;
  Matrix across = transposed(features);
  Eigensystem system = eigensystemOf(squareOf(path.dual ? features : across));
  path.values = std::move(system.values);
  for (double& value : path.values) value = std::max(value, 0.0);
  if (path.dual) {
    path.back = std::move(across);
    path.rows = std::move(system.vectors);
    for (size_t r = 0; r < path.values.size(); ++r)
      for (size_t i = 0; i < path.rows.rows; ++i) path.rows(i, r) *= std::sqrt(path.values[r]);
  } else {
    path.rows = product(features, system.vectors);
    path.back = std::move(system.vectors);
  }
  Matrix centred = targets;
  subtract(centred, path.targets);
  path.across = transposed(path.rows);
  path.loads = product(path.across, scaledRows(std::move(centred), shares.roots));
  return path;
}

// `weight` is (C, K), column-major: as (K, C) has them row-major.
RidgeHead headOf(Matrix weight, const std::vector<double>& mean, const std::vector<double>& targets) {
  RidgeHead head{std::move(weight.values), targets};
  for (size_t k = 0; k < targets.size(); ++k)
    head.bias[k] -= std::inner_product(mean.begin(), mean.end(), head.weight.begin() + static_cast<ptrdiff_t>(k * mean.size()), 0.0);
  return head;
}

RidgeHead Path::head(double penalty) const {
  std::vector<double> factors = factorsOf(penalty);
  // A direction in which features do not differ has no part in it.
  if (dual)
    for (size_t r = 0; r < factors.size(); ++r) factors[r] = values[r] > 0.0 ? factors[r] / values[r] : 0.0;
  Matrix shared = scaledRows(loads, factors);
  return headOf(product(back, dual ? product(rows, shared) : shared), mean, targets);
}

// Returns the scores (N, K) of each example by a fit without its burst: with r the residuals y - H y, those of a burst b would be
// (I - H_bb)^-1 r_b.
Matrix scoresLeftOut(const Path& path, const Matrix& targets, const Shares& shares, const std::vector<Burst>& bursts, double penalty) {
  const std::vector<double> factors = path.factorsOf(penalty);
  Matrix scores = product(path.rows, scaledRows(path.loads, factors));
  for (const Burst& burst : bursts) {
    Matrix own(path.across.rows, burst.size()), left, residuals(burst.size(), targets.columns);
    for (size_t b = 0; b < burst.size(); ++b) std::copy_n(path.across.column(burst[b]), own.rows, own.column(b));
    left = product(transposed(own), scaledRows(own, factors));
    for (size_t b = 0; b < burst.size(); ++b) {
      const double root = shares.roots[burst[b]];
      for (size_t other = 0; other < burst.size(); ++other)
        left(other, b) = -left(other, b) - root * shares.roots[burst[other]] / path.total;
      left(b, b) += 1.0;
      for (size_t k = 0; k < targets.columns; ++k) residuals(b, k) = root * (targets(burst[b], k) - path.targets[k]) - scores(burst[b], k);
    }
    residuals = solve(left, std::move(residuals));
    for (size_t b = 0; b < burst.size(); ++b)
      for (size_t k = 0; k < targets.columns; ++k) scores(burst[b], k) = targets(burst[b], k) - residuals(b, k) / shares.roots[burst[b]];
  }
  return scores;
}

// Returns the mean negative log-likelihoods of the labels by softmax(sharpness(t) * scores), for all t. A sharpness is twice that of two
// before, so its exponentials are the squares of those.
std::array<double, kSharpnesses> lossesOf(const Matrix& scores, std::span<const int32_t> labels, const Shares& shares) {
  std::array<double, kSharpnesses> losses{};
  std::vector<double> below(scores.columns), powers(scores.columns);
  for (size_t i = 0; i < scores.rows; ++i) {
    double greatest = scores(i, 0);
    for (size_t k = 1; k < scores.columns; ++k) greatest = std::max(greatest, scores(i, k));
    for (size_t k = 0; k < scores.columns; ++k) below[k] = scores(i, k) - greatest;
    const double own = below[static_cast<size_t>(labels[i])];
    for (int first = 0; first < 2; ++first) {
      for (size_t k = 0; k < scores.columns; ++k) powers[k] = std::exp(sharpness(first) * below[k]);
      for (int t = first; t < kSharpnesses; t += 2) {
        double sum = 0.0;
        for (double& power : powers) {
          sum += power;
          power *= power;
        }
        losses[static_cast<size_t>(t)] += shares.weights[i] * (std::log(sum) - sharpness(t) * own);
      }
    }
  }
  for (double& loss : losses) loss /= shares.total;
  return losses;
}

Error wrongExamples(std::string got, std::string expected) {
  return mismatch(ErrorCode::kInvalidArgument, "Examples to fit a head to", std::move(got), std::move(expected));
}

}  // namespace

Status checkExamples(const RidgeExamples& examples) {
  const size_t n = examples.labels.size();
  const auto text = [](auto number) { return std::to_string(number); };
  if (examples.channels < 1 || examples.features.size() != n * static_cast<size_t>(examples.channels) || examples.bursts.size() != n)
    return wrongExamples(text(examples.features.size()) + " numbers and " + text(examples.bursts.size()) + " bursts for " + text(n) +
                             " labels and features of " + text(examples.channels),
                         "as many as there are labels");
  if (n < 2 || examples.classes < 2)
    return wrongExamples(text(n) + " of " + text(examples.classes) + " classes", "at least two of two classes");
  for (const int32_t label : examples.labels)
    if (label < 0 || label >= examples.classes)
      return wrongExamples("the label " + text(label), "labels from 0 to " + text(examples.classes - 1));
  if (std::all_of(examples.bursts.begin(), examples.bursts.end(), [&](int32_t burst) { return burst == examples.bursts.front(); }))
    return wrongExamples("one burst of all", "at least two, so that something is left when one is left out");
  for (size_t i = 0; i < examples.features.size(); ++i)
    if (!std::isfinite(examples.features[i]))
      return wrongExamples("a feature of example " + text(i / static_cast<size_t>(examples.channels)) + " that is infinite or NaN",
                           "finite ones");
  if (!examples.weights.empty() && examples.weights.size() != n)
    return wrongExamples(text(examples.weights.size()) + " weights for " + text(n) + " labels", "as many as there are labels");
  for (size_t i = 0; i < examples.weights.size(); ++i)
    if (!(examples.weights[i] > 0.0f) || !std::isfinite(examples.weights[i]))
      return wrongExamples("the weight of example " + text(i), "one above 0, and finite");
  return {};
}

RidgeStatistics::RidgeStatistics(int64_t channels, int64_t classes)
    : channels_(channels),
      classes_(classes),
      counts_(static_cast<size_t>(classes)),
      sums_(static_cast<size_t>(classes * channels)),
      products_(static_cast<size_t>(channels * channels)) {}

void RidgeStatistics::add(const RidgeExamples& examples) {
  const Matrix features = featuresOf(examples);
  const Shares shares(examples);
  const Matrix products = squareOf(transposed(scaledRows(features, shares.roots)));
  for (size_t i = 0; i < features.rows; ++i) {
    const auto label = static_cast<size_t>(examples.labels[i]);
    counts_[label] += shares.weights[i];
    for (size_t c = 0; c < features.columns; ++c) sums_[label * features.columns + c] += shares.weights[i] * features(i, c);
  }
  std::transform(products_.begin(), products_.end(), products.values.begin(), products_.begin(), std::plus<>());
}

void RidgeStatistics::add(const RidgeStatistics& other) {
  const auto plus = [](std::vector<double>& to, const std::vector<double>& from) {
    std::transform(to.begin(), to.end(), from.begin(), to.begin(), std::plus<>());
  };
  plus(counts_, other.counts_);
  plus(sums_, other.sums_);
  plus(products_, other.products_);
}

double RidgeStatistics::count() const { return std::accumulate(counts_.begin(), counts_.end(), 0.0); }

RidgeHead fitRidge(const RidgeStatistics& statistics, double penalty) {
  const double n = statistics.count();
  const auto channels = static_cast<size_t>(statistics.channels()), classes = static_cast<size_t>(statistics.classes());
  std::vector<double> mean(channels), targets(classes);
  for (size_t k = 0; k < classes; ++k) {
    targets[k] = 2.0 * statistics.counts()[k] / n - 1.0;  // a target is twice the class's indicator less 1
    for (size_t c = 0; c < channels; ++c) mean[c] += statistics.sums()[k * channels + c] / n;
  }
  Matrix scatter(channels, channels), products(channels, classes);
  for (size_t j = 0; j < channels; ++j)
    for (size_t i = 0; i < channels; ++i)
      scatter(i, j) = statistics.products()[j * channels + i] - n * mean[i] * mean[j] + (i == j ? penalty : 0.0);
  for (size_t k = 0; k < classes; ++k)
    for (size_t c = 0; c < channels; ++c) products(c, k) = 2.0 * statistics.sums()[k * channels + c] - n * mean[c] * (1.0 + targets[k]);
  return headOf(solve(scatter, std::move(products)), mean, targets);
}

Result<RidgeFit> fitRidge(const RidgeExamples& examples) {
  BEIT_TRY(checkExamples(examples));
  Matrix targets(examples.labels.size(), static_cast<size_t>(examples.classes), -1.0);
  for (size_t i = 0; i < targets.rows; ++i) targets(i, static_cast<size_t>(examples.labels[i])) = 1.0;
  const std::vector<Burst> bursts = burstsOf(examples.bursts);
  const Shares shares(examples);
  const Path path = decompose(examples, targets, shares);
  RidgeFit fit;
  fit.loss = std::numeric_limits<double>::infinity();
  Matrix best;
  for (int s = 0; s < kStrengths; ++s) {
    const double penalty = strength(s) * path.variance();
    Matrix scores = scoresLeftOut(path, targets, shares, bursts, penalty);
    const std::array<double, kSharpnesses> losses = lossesOf(scores, examples.labels, shares);
    bool better = false;
    for (int t = 0; t < kSharpnesses; ++t) {
      const double loss = losses[static_cast<size_t>(t)];
      if (!(loss < fit.loss)) continue;
      better = true;
      fit.loss = loss;
      fit.lambda = strength(s);
      fit.penalty = penalty;
      fit.temperature = 1.0 / sharpness(t);
    }
    if (better) best = std::move(scores);
  }
  fit.head = path.head(fit.penalty);
  fit.scores = transposed(best).values;
  return fit;
}

}  // namespace beit
