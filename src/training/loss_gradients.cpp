#include "src/training/loss_gradients.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "src/base/vector_size.h"
#include "src/beit/losses.h"

namespace beit {

namespace {

using Ids = std::vector<int32_t>;
using Values = std::vector<float>;

bool isSoft(const Labels& labels, const BeitConfig& config) {
  return problemType(labels, config) == ProblemType::kSingleLabel && std::holds_alternative<Values>(labels.values);
}

// Returns the mean over rows of what row(r) says. Rows are summed up in their order.
template <typename Row>
float meanOfRows(const Execution& execution, int64_t rows, const Row& row) {
  std::vector<double> losses(vectorSize(rows));
  execution.parallelFor(losses.size(), [&](size_t, size_t r) { losses[r] = row(static_cast<int64_t>(r)); });
  double total = 0.0;
  for (const double loss : losses) total += loss;
  return static_cast<float>(total / static_cast<double>(rows));
}

// target(c) is class c's share. Returns the cross-entropy; gradients = factor * (softmax * the shares' sum - shares).
template <typename Target>
double crossEntropyRow(const float* logits, int64_t classes, const Target& target, double factor, float* gradients) {
  double most = static_cast<double>(logits[0]), total = 0.0, shares = 0.0, loss = 0.0;
  for (int64_t c = 1; c < classes; ++c) most = std::max(most, static_cast<double>(logits[c]));
  for (int64_t c = 0; c < classes; ++c) total += std::exp(static_cast<double>(logits[c]) - most);
  const double normalizer = most + std::log(total);
  for (int64_t c = 0; c < classes; ++c) {
    const double share = target(c);
    shares += share;
    if (share != 0.0) loss += share * (normalizer - static_cast<double>(logits[c]));
  }
  for (int64_t c = 0; gradients && c < classes; ++c)
    gradients[c] = static_cast<float>(factor * (shares * std::exp(static_cast<double>(logits[c]) - normalizer) - target(c)));
  return loss;
}

}  // namespace

Status checkClassificationTargets(const Labels& labels, const BeitConfig& config, int64_t batch) {
  if (config.num_labels < 1 || !isSoft(labels, config)) return checkClassificationLabels(labels, config, batch);
  const Shape expected{batch, config.num_labels};
  if (labels.shape != expected || elementCount(expected) != static_cast<int64_t>(std::get<Values>(labels.values).size()))
    return mismatch(ErrorCode::kWrongShape, "labels", toString(labels.shape), toString(expected) + ", the share of each class");
  return {};
}

float crossEntropyLoss(const Execution& execution, const Tensor& logits, std::span<const int32_t> ids, float weight, float* gradients) {
  const int64_t rows = logits.shape[0], classes = logits.shape[1];
  const double factor = static_cast<double>(weight) / static_cast<double>(rows);
  return meanOfRows(execution, rows, [&](int64_t r) {
    const int64_t id = ids[static_cast<size_t>(r)];
    return crossEntropyRow(
        logits.values.data() + r * classes, classes, [id](int64_t c) { return c == id ? 1.0 : 0.0; }, factor,
        gradients ? gradients + r * classes : nullptr);
  });
}

float classificationLoss(const Execution& execution, const Tensor& logits, const Labels& labels, const BeitConfig& config, float weight,
                         float* gradients) {
  const int64_t rows = logits.shape[0], classes = logits.shape[1];
  const ProblemType type = problemType(labels, config);
  if (type == ProblemType::kSingleLabel && !isSoft(labels, config))
    return crossEntropyLoss(execution, logits, std::get<Ids>(labels.values), weight, gradients);
  const auto target = [&](int64_t i) {
    return std::visit([i](const auto& values) { return static_cast<double>(values[static_cast<size_t>(i)]); }, labels.values);
  };
  const auto rowGradients = [&](int64_t r) { return gradients ? gradients + r * classes : nullptr; };
  if (type == ProblemType::kSingleLabel) {
    const double factor = static_cast<double>(weight) / static_cast<double>(rows);
    return meanOfRows(execution, rows, [&](int64_t r) {
      return crossEntropyRow(
          logits.values.data() + r * classes, classes, [&](int64_t c) { return target(r * classes + c); }, factor, rowGradients(r));
    });
  }
  // Means over all elements.
  const double factor = static_cast<double>(weight) / static_cast<double>(rows * classes);
  return meanOfRows(execution, rows, [&](int64_t r) {
    double loss = 0.0;
    for (int64_t i = r * classes; i < (r + 1) * classes; ++i) {
      const double x = static_cast<double>(logits.values.data()[i]), y = target(i);
      double derivative = 2.0 * (x - y);
      if (type == ProblemType::kRegression) {
        loss += (x - y) * (x - y);
      } else {
        loss += std::max(x, 0.0) - x * y + std::log1p(std::exp(-std::abs(x)));
        derivative = 1.0 / (1.0 + std::exp(-x)) - y;
      }
      if (gradients) gradients[i] = static_cast<float>(factor * derivative);
    }
    return loss / static_cast<double>(classes);
  });
}

}  // namespace beit
