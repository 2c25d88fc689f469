#include "src/training/training_batch.h"

#include <algorithm>
#include <string>
#include <utility>

#include "src/training/drop_path.h"
#include "src/training/soft_targets.h"

namespace beit {

Result<TrainingBatch> TrainingBatch::allocate(int64_t size, const Shape& example, const Shape& states) {
  if (size < 1) return mismatch(ErrorCode::kInvalidArgument, "batch", std::to_string(size) + " examples", "1 and more");
  const Shape& each = states.empty() ? example : states;
  Shape shape{size};
  shape.insert(shape.end(), each.begin(), each.end());
  TrainingBatch batch;
  batch.example_ = example;
  BEIT_ASSIGN(batch.values_, Tensor::allocate(std::move(shape), "a batch's examples"));
  return batch;
}

Status TrainingBatch::add(std::span<const float> values, int64_t label, int64_t classes) {
  if (full()) return failure(ErrorCode::kInvalidArgument, "batch", "it has its " + std::to_string(size()) + " examples already");
  if (label < 0 || label >= classes) {
    return mismatch(ErrorCode::kInvalidArgument, "label", std::to_string(label), "0 to " + std::to_string(classes - 1));
  }
  const std::span<float> all = values_.values.span();
  const size_t each = all.size() / static_cast<size_t>(size());
  if (values.size() != each) {
    return mismatch(ErrorCode::kWrongShape, "example", std::to_string(values.size()) + " values",
                    std::to_string(each) + ", as the others of the batch have");
  }
  std::copy(values.begin(), values.end(), all.begin() + static_cast<ptrdiff_t>(labels_.size() * each));
  labels_.push_back(static_cast<int32_t>(label));
  return {};
}

Status TrainingBatch::mix(const TrainingSettings& settings, int64_t step, int64_t classes) {
  if (!full()) return failure(ErrorCode::kInvalidArgument, "batch", "it is mixed when it has all of its examples");
  const Size image{example_[1], example_[2]};
  const Mix mix = drawMix(settings, step, image);
  if (!ofPixels()) {
    if (settings.mixup > 0.0 || settings.cutmix > 0.0)
      return failure(ErrorCode::kInvalidArgument, "batch", "its examples are states of frozen layers, and only pixels can be mixed");
  } else {
    mixPixels(mix, image, values_.values.span(), size());
  }
  BEIT_ASSIGN(targets_, FloatBuffer::allocate(size() * classes, "a batch's targets"));
  fillTargets(mix, settings.smoothing, labels_, classes, targets_.span());
  return {};
}

Result<TrainingInputs> TrainingBatch::inputs(int64_t first, int64_t count, std::span<const double> drop_rates, int64_t seed,
                                             int64_t step) const {
  if (!full() || first < 0 || count < 1 || count > size() - first) {
    return failure(ErrorCode::kInvalidArgument, "batch",
                   "it has no examples " + std::to_string(first) + " to " + std::to_string(first + count - 1));
  }
  const auto begin = static_cast<size_t>(first), n = static_cast<size_t>(count);
  TrainingInputs inputs;
  inputs.pixel_values.shape = {count, example_[0], example_[1], example_[2]};
  Tensor& given = ofPixels() ? inputs.pixel_values : inputs.frozen_states;
  given.shape = values_.shape;
  given.shape[0] = count;
  const size_t each = values_.values.size() / static_cast<size_t>(size());
  BEIT_ASSIGN(given.values, FloatBuffer::copyOf(values_.values.span().subspan(begin * each, n * each), "examples of a pass"));
  if (targets_.empty()) {
    inputs.labels = Labels{
        {count},
        std::vector<int32_t>(labels_.begin() + static_cast<ptrdiff_t>(first), labels_.begin() + static_cast<ptrdiff_t>(first + count))};
  } else {
    const size_t classes = targets_.size() / labels_.size();
    const auto targets = targets_.span().subspan(begin * classes, n * classes);
    inputs.labels = Labels{{count, static_cast<int64_t>(classes)}, std::vector<float>(targets.begin(), targets.end())};
  }
  if (std::all_of(drop_rates.begin(), drop_rates.end(), [](double rate) { return rate == 0.0; })) return inputs;
  const size_t branches = 2 * drop_rates.size();
  std::vector<float> own(branches);
  inputs.branch_scale.resize(branches * n);
  for (size_t i = 0; i < n; ++i) {
    fillDropPath(drop_rates, seed, step, first + static_cast<int64_t>(i), own);
    for (size_t k = 0; k < branches; ++k) inputs.branch_scale[k * n + i] = own[k];
  }
  return inputs;
}

}  // namespace beit
