#include "src/beit/losses.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>

#include "src/base/buffer.h"
#include "src/kernels/bilinear_resize.h"

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

Status checkIds(const std::vector<int32_t>& ids, int64_t classes, std::optional<int64_t> ignored = {}) {
  for (const int32_t id : ids)
    if ((id < 0 || id >= classes) && id != ignored)
      return mismatch(ErrorCode::kInvalidArgument, "labels", "class " + std::to_string(id), "0 to " + std::to_string(classes - 1));
  return {};
}

struct PixelLoss {
  double total = 0.0;
  int64_t pixels = 0;
};

// Adds the cross-entropy of each pixel that is not ignored, with the logits resized to it.
Status addPixelLoss(const FeatureMap& logits, std::span<const int32_t> ids, Size size, int64_t ignored, PixelLoss& loss) {
  const BilinearRow resize(logits.size, size, logits.channels);
  BEIT_ASSIGN(auto row, Buffer<float>::allocate(size.width * logits.channels, "a row of logits"));
  for (int64_t y = 0; y < size.height; ++y) {
    resize.run(logits.data(), y, row.data());
    for (int64_t x = 0; x < size.width; ++x) {
      const int32_t id = ids[static_cast<size_t>(y * size.width + x)];
      if (id == ignored) continue;
      loss.total += crossEntropy(row.data() + x * logits.channels, logits.channels, id);
      ++loss.pixels;
    }
  }
  return {};
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
  if (!fits || elementCount(expected) != static_cast<int64_t>(count(labels)))
    return mismatch(ErrorCode::kWrongShape, "labels", toString(labels.shape), toString(expected));
  if (type != ProblemType::kSingleLabel) return {};
  return checkIds(std::get<std::vector<int32_t>>(labels.values), classes);
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

Status checkMaskedLabels(const ForwardInputs& inputs, const BeitConfig& config) {
  if (!inputs.mask_shape)
    return mismatch(ErrorCode::kInvalidArgument, "labels", "labels without bool_masked_pos",
                    "both, since labels are the masked patches' tokens");
  if (!areIds(*inputs.labels)) return mismatch(ErrorCode::kWrongType, "labels", "floats", "integers, the masked patches' tokens");
  const auto& ids = std::get<std::vector<int32_t>>(inputs.labels->values);
  const auto masked = std::count_if(inputs.bool_masked_pos.begin(), inputs.bool_masked_pos.end(), [](uint8_t m) { return m != 0; });
  if (static_cast<int64_t>(ids.size()) != masked)
    return mismatch(ErrorCode::kWrongShape, "labels", std::to_string(ids.size()) + " tokens",
                    std::to_string(masked) + ", one for each masked patch");
  return checkIds(ids, config.vocab_size);
}

float maskedLoss(const Tensor& logits, const ForwardInputs& inputs, const BeitConfig& config) {
  const auto& ids = std::get<std::vector<int32_t>>(inputs.labels->values);
  double loss = 0.0;
  size_t next = 0;
  for (size_t i = 0; i < inputs.bool_masked_pos.size(); ++i)
    if (inputs.bool_masked_pos[i])
      loss += crossEntropy(logits.values.data() + static_cast<int64_t>(i) * config.vocab_size, config.vocab_size, ids[next++]);
  return static_cast<float>(loss / static_cast<double>(ids.size()));
}

Status checkSegmentationLabels(const Labels& labels, const BeitConfig& config, int64_t batch) {
  if (config.num_labels < 2)
    return mismatch(ErrorCode::kInvalidArgument, "labels", std::to_string(config.num_labels) + " label of the model",
                    "at least 2 for a loss");
  if (!areIds(labels)) return mismatch(ErrorCode::kWrongType, "labels", "floats", "integers, a class for each pixel");
  const auto& ids = std::get<std::vector<int32_t>>(labels.values);
  const Shape& shape = labels.shape;
  if (shape.size() != 3 || shape[0] != batch || shape[1] < 1 || shape[2] < 1 || elementCount(shape) != static_cast<int64_t>(ids.size()))
    return mismatch(ErrorCode::kWrongShape, "labels", toString(shape), "(" + std::to_string(batch) + ", height, width)");
  return checkIds(ids, config.num_labels, config.semantic_loss_ignore_index);
}

Result<float> segmentationLoss(const Tensor& logits, const std::vector<FeatureMap>& auxiliary_logits, const Labels& labels,
                               const BeitConfig& config) {
  const int64_t classes = logits.shape[1], height = logits.shape[2], width = logits.shape[3];
  const auto& ids = std::get<std::vector<int32_t>>(labels.values);
  const Size label_size{labels.shape[1], labels.shape[2]};
  PixelLoss main, auxiliary;
  for (int64_t b = 0; b < logits.shape[0]; ++b) {
    BEIT_ASSIGN(FeatureMap map, FeatureMap::allocate(Workspace(), {height, width}, classes, "logits"));
    const float* from = logits.values.data() + b * map.count();
    for (int64_t c = 0; c < classes; ++c)
      for (int64_t i = 0; i < height * width; ++i) map.data()[i * classes + c] = from[c * height * width + i];
    const std::span<const int32_t> image =
        std::span(ids).subspan(static_cast<size_t>(b * label_size.area()), static_cast<size_t>(label_size.area()));
    BEIT_TRY(addPixelLoss(map, image, label_size, config.semantic_loss_ignore_index, main));
    if (!auxiliary_logits.empty()) {
      BEIT_TRY(addPixelLoss(auxiliary_logits[static_cast<size_t>(b)], image, label_size, config.semantic_loss_ignore_index, auxiliary));
    }
  }
  double loss = main.total / static_cast<double>(main.pixels);
  if (!auxiliary_logits.empty()) loss += config.auxiliary_loss_weight * auxiliary.total / static_cast<double>(auxiliary.pixels);
  return static_cast<float>(loss);
}

}  // namespace beit
