#include "src/losses.h"

#include <algorithm>
#include <cmath>

namespace beit {

namespace {

bool areIds(const Labels& labels) { return std::holds_alternative<std::vector<int32_t>>(labels.values); }

size_t count(const Labels& labels) {
  return std::visit([](const auto& values) { return values.size(); }, labels.values);
}

double valueAt(const Labels& labels, size_t i) {
  return std::visit([i](const auto& values) { return static_cast<double>(values[i]); }, labels.values);
}

double crossEntropy(const float* logits, int64_t labels, int64_t target) {
  double most = logits[0], total = 0.0;
  for (int64_t l = 1; l < labels; ++l) most = std::max(most, static_cast<double>(logits[l]));
  for (int64_t l = 0; l < labels; ++l) total += std::exp(static_cast<double>(logits[l]) - most);
  return std::log(total) + most - static_cast<double>(logits[target]);
}

}  // namespace

ProblemType problemType(const Labels& labels, const BeitConfig& config) {
  if (config.problem_type) return *config.problem_type;
  if (config.num_labels == 1) return ProblemType::kRegression;
  return areIds(labels) ? ProblemType::kSingleLabel : ProblemType::kMultiLabel;
}

Status checkClassificationLabels(const Labels& labels, const BeitConfig& config, int64_t batch) {
  const ProblemType type = problemType(labels, config);
  const int64_t classes = config.num_labels;
  if (classes < 1) return mismatch(ErrorCode::kInvalidArgument, "labels", "labels", "none, since num_labels is 0");
  if (type == ProblemType::kSingleLabel && !areIds(labels))
    return mismatch(ErrorCode::kWrongType, "labels", "floats", "integers, since the problem is single_label_classification");
  const bool flat = type == ProblemType::kSingleLabel || (type == ProblemType::kRegression && classes == 1);
  const Shape expected = flat ? Shape{batch} : Shape{batch, classes};
  // A column of single values is as good as a row of them.
  const bool fits = labels.shape == expected || (flat && labels.shape == Shape{batch, 1});
  if (!fits || static_cast<int64_t>(count(labels)) != *elementCount(expected))
    return mismatch(ErrorCode::kWrongShape, "labels", toString(labels.shape), toString(expected));
  if (type == ProblemType::kSingleLabel)
    for (const int32_t id : std::get<std::vector<int32_t>>(labels.values))
      if (id < 0 || id >= classes)
        return mismatch(ErrorCode::kInvalidArgument, "labels", "class " + std::to_string(id),
                        "0 to " + std::to_string(classes - 1));
  return {};
}

float classificationLoss(const Tensor& logits, const Labels& labels, const BeitConfig& config) {
  const float* values = logits.values.data();
  const size_t total = logits.values.size();
  double loss = 0.0;
  switch (problemType(labels, config)) {
    case ProblemType::kRegression:
      for (size_t i = 0; i < total; ++i) {
        const double d = static_cast<double>(values[i]) - valueAt(labels, i);
        loss += d * d;
      }
      return static_cast<float>(loss / static_cast<double>(total));
    case ProblemType::kSingleLabel: {
      const auto& ids = std::get<std::vector<int32_t>>(labels.values);
      for (size_t b = 0; b < ids.size(); ++b)
        loss += crossEntropy(values + static_cast<int64_t>(b) * config.num_labels, config.num_labels, ids[b]);
      return static_cast<float>(loss / static_cast<double>(ids.size()));
    }
    case ProblemType::kMultiLabel:
      for (size_t i = 0; i < total; ++i) {
        // max(x, 0) - x y + log(1 + e^-|x|): BCE with logits without overflow
        const double x = static_cast<double>(values[i]);
        loss += std::max(x, 0.0) - x * valueAt(labels, i) + std::log1p(std::exp(-std::abs(x)));
      }
      return static_cast<float>(loss / static_cast<double>(total));
  }
  return 0.0f;
}

}  // namespace beit
