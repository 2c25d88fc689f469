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

Status TrainingBatch::addExample(std::span<const float> values) {
  if (is_awaited_) return failure(ErrorCode::kInvalidArgument, "batch", "what is hidden of the last example has not been told");
  if (full()) return failure(ErrorCode::kInvalidArgument, "batch", "it has its " + std::to_string(size()) + " examples already");
  const std::span<float> all = values_.values.span();
  const size_t each = all.size() / static_cast<size_t>(size());
  if (values.size() != each) {
    return mismatch(ErrorCode::kWrongShape, "example", std::to_string(values.size()) + " values",
                    std::to_string(each) + ", as the others of the batch have");
  }
  std::copy(values.begin(), values.end(), all.begin() + static_cast<ptrdiff_t>(static_cast<size_t>(examples_) * each));
  return {};
}

Status TrainingBatch::add(std::span<const float> values, int64_t label, int64_t classes) {
  if (label < 0 || label >= classes) {
    return mismatch(ErrorCode::kInvalidArgument, "label", std::to_string(label), "0 to " + std::to_string(classes - 1));
  }
  BEIT_TRY(addExample(values));
  labels_.push_back(static_cast<int32_t>(label));
  ++examples_;
  return {};
}

Status TrainingBatch::add(std::span<const float> values) {
  BEIT_TRY(addExample(values));
  is_awaited_ = true;
  return {};
}

Status TrainingBatch::hide(std::span<const uint8_t> mask, std::span<const int32_t> tokens, int64_t vocab_size) {
  if (!is_awaited_) return failure(ErrorCode::kInvalidArgument, "batch", "there is no example of which patches may be hidden");
  const size_t patches = examples_ == 0 ? mask.size() : masks_.size() / static_cast<size_t>(examples_);
  if (mask.size() != patches || tokens.size() != patches) {
    return mismatch(ErrorCode::kWrongShape, "mask and tokens", std::to_string(mask.size()) + " and " + std::to_string(tokens.size()),
                    std::to_string(patches) + ", one for each patch");
  }
  const auto shown = [](uint8_t masked) { return masked == 0; };
  if (std::all_of(mask.begin(), mask.end(), shown)) return mismatch(ErrorCode::kInvalidArgument, "mask", "no hidden patch", "one at least");
  for (const int32_t token : tokens) {
    if (token < 0 || token >= vocab_size) {
      return mismatch(ErrorCode::kInvalidArgument, "token", std::to_string(token), "0 to " + std::to_string(vocab_size - 1));
    }
  }
  for (size_t i = 0; i < patches; ++i) {
    masks_.push_back(mask[i] != 0 ? 1 : 0);
    if (mask[i] != 0) tokens_.push_back(tokens[i]);
  }
  ends_.push_back(tokens_.size());
  is_awaited_ = false;
  ++examples_;
  return {};
}

std::span<const int32_t> TrainingBatch::tokensOf(int64_t first, int64_t count) const {
  const size_t begin = first == 0 ? 0 : ends_[static_cast<size_t>(first - 1)];
  return std::span(tokens_).subspan(begin, ends_[static_cast<size_t>(first + count - 1)] - begin);
}

double TrainingBatch::shareOf(int64_t first, int64_t count) const {
  if (masks_.empty()) return static_cast<double>(count) / static_cast<double>(size());
  return static_cast<double>(tokensOf(first, count).size()) / static_cast<double>(tokens_.size());
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
  if (!masks_.empty()) {
    const size_t patches = masks_.size() / static_cast<size_t>(size());
    const auto masks = std::span(masks_).subspan(begin * patches, n * patches);
    const auto tokens = tokensOf(first, count);
    inputs.mask_shape = {count, static_cast<int64_t>(patches)};
    inputs.bool_masked_pos.assign(masks.begin(), masks.end());
    inputs.labels = Labels{{static_cast<int64_t>(tokens.size())}, std::vector<int32_t>(tokens.begin(), tokens.end())};
  } else if (targets_.empty()) {
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
