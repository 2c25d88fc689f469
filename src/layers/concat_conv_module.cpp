#include "src/layers/concat_conv_module.h"

#include <algorithm>

namespace beit {

namespace {

constexpr int64_t kTaps = 9;

// Transformed kernels take four times the memory of plain ones, and small products cost more than they save: base-ADE-640 with
// them at 1600 pixels, too, takes 64 MB more and hardly less time.
bool isWorthWinograd(int64_t channels, Size size) { return channels >= 64 && size.area() >= 2048; }

}  // namespace

void ConcatConvModule::declare(ParameterList& parameters, const std::string& prefix, int64_t channels, int64_t outputs,
                                size_t resized, Size typical_size, WeightType type) {
  channels_ = channels;
  outputs_ = outputs;
  resized_count_ = resized;
  type_ = type;
  use_winograd_ = isWorthWinograd(channels, typical_size);
  batch_norm_.declare(parameters, group_, prefix + ".bn", outputs);
  const auto count = static_cast<int64_t>(resized);
  const int64_t taps = formatOf(type).weightBytes(channels, kTaps * outputs);
  const int64_t own = use_winograd_ ? WinogradConvolution::bytes(channels, outputs) : 4 * kTaps * channels * outputs;
  group_.addWeight(parameters, prefix + ".conv.weight", {outputs, (1 + count) * channels, 3, 3},
                  [this](std::span<float> weight) { return make(weight); }, own + count * taps);
}

Status ConcatConvModule::make(std::span<const float> weight) {
  const int64_t total = static_cast<int64_t>(1 + resized_count_) * channels_;
  BEIT_ASSIGN(FloatBuffer scale, FloatBuffer::allocate(outputs_, "a convolution's scale"));
  BEIT_ASSIGN(FloatBuffer bias, FloatBuffer::allocate(outputs_, "a convolution's bias"));
  for (int64_t o = 0; o < outputs_; ++o) {
    scale.data()[o] = batch_norm_.scale(o);
    bias.data()[o] = batch_norm_.shift(o);
  }
  batch_norm_ = {};
  if (use_winograd_) {
    BEIT_ASSIGN(winograd_, WinogradConvolution::make(channels_, outputs_, weight.data(), total, 0, scale.data(), bias.data()));
  } else {
    BEIT_ASSIGN(FloatBuffer kernel, FloatBuffer::allocate(outputs_ * kTaps * channels_, "a convolution's kernel"));
    oihwToOhwi(weight.data(), outputs_, total, 0, channels_, 3, [&](int64_t o) { return scale.data()[o]; }, kernel.data());
    BEIT_TRY(direct_.make(channels_, outputs_, 3, kernel.data(), bias.data(), /*relu=*/resized_count_ == 0));
  }
  for (size_t part = 1; part <= resized_count_; ++part) {
    resized_.emplace_back(type_);
    BEIT_TRY(resized_.back().make(channels_, outputs_, weight.data(), total, static_cast<int64_t>(part) * channels_, scale.data()));
  }
  return {};
}

int64_t ConcatConvModule::bands(int64_t height) const {
  constexpr int64_t kRows = WinogradConvolution::kRowsPerBand;
  return use_winograd_ ? (height + kRows - 1) / kRows : 1;
}

ConcatConvModule::Band ConcatConvModule::bandRows(int64_t band, int64_t height) const {
  constexpr int64_t kRows = WinogradConvolution::kRowsPerBand;
  if (!use_winograd_) return {0, height};
  return {band * kRows, std::min(kRows, height - band * kRows)};
}

Status ConcatConvModule::run(const Execution& execution, int64_t band, const FeatureMap& map,
                              std::span<const FeatureMap> smaller, BandState& kept, float* output) const {
  assert(smaller.size() == resized_count_);
  const auto [first, rows] = bandRows(band, map.size.height);
  if (use_winograd_) BEIT_TRY(winograd_.run(execution, map, first, rows, output, /*relu=*/resized_count_ == 0));
  else BEIT_TRY(direct_.run(execution, map, output));
  if (resized_count_ == 0) return {};
  kept.resize(resized_count_);
  for (size_t i = 0; i < resized_count_; ++i)
    BEIT_TRY(resized_[i].add(execution, smaller[i], map.size, first, rows, kept[i], output));
  // Of a band, which ends where the next one begins: applyActivation() takes whole buffers.
  const int64_t row = map.size.width * outputs_;
  execution.parallelFor(static_cast<size_t>(rows), [&](size_t, size_t y) {
    float* values = output + static_cast<int64_t>(y) * row;
    for (int64_t i = 0; i < row; ++i) values[i] = values[i] < 0.0f ? 0.0f : values[i];
  });
  return {};
}

int64_t ConcatConvModule::scratchBytes(Size size, std::span<const Size> smaller, int threads) const {
  assert(smaller.size() == resized_count_);
  if (size.area() == 0) return 0;  // the top of a window of one patch, which no pass takes
  const int64_t rows = bandRows(0, size.height).rows;
  // Of each smaller map the rows that a band mixes are kept, widened. A band makes products of those that the band
  // above has not left, and while they are copied a map's rows are there twice.
  int64_t kept = 0, first_band = 0, most_beside = 0;
  for (const Size map : smaller) {
    const int64_t wide = 4 * 3 * size.width * outputs_, count = std::min(map.height, std::min(rows + 1, size.height - 1) * map.height / size.height + 2);
    const auto making = [&](int64_t fresh) {
      return 4 * kTaps * fresh * map.width * outputs_ + formatOf(type_).rowBytes(fresh * map.width, channels_, kTaps * outputs_, threads);
    };
    first_band = std::max(first_band, kept + count * wide + making(count));
    kept += count * wide;
    most_beside = std::max({most_beside, count * wide, making(std::min(count, rows * map.height / size.height + 1))});
  }
  if (!use_winograd_) return first_band;  // all in one band
  most_beside = std::max(most_beside, WinogradConvolution::scratchBytes(channels_, outputs_, size.width));
  return std::max(first_band, kept + most_beside);
}

}  // namespace beit
