#include "src/layers/concat_conv_module.h"

#include <algorithm>

namespace beit {

namespace {

constexpr int64_t kTaps = 9;

// Transformed kernels take four times the memory of plain ones, and small products cost more than they save: base-ADE-640 with
// them at 1600 pixels, too, takes 64 MB more and hardly less time.
bool isWorthWinograd(int64_t channels, Size size) { return channels >= 64 && size.area() >= 2048; }

// Integers take no more memory so, and are transformed for each map.
bool isWorthQuantizing(WeightType type, int64_t channels, Size size) {
  return type == WeightType::kInt8 && channels >= 64 && size.area() >= 256;
}

}  // namespace

void ConcatConvModule::declare(const Execution& execution, ParameterList& parameters, const std::string& prefix, int64_t channels,
                               int64_t outputs, size_t resized, Size typical_size, WeightType type) {
  channels_ = channels;
  outputs_ = outputs;
  if (isWorthQuantizing(type, channels, typical_size)) form_ = Form::kQuantized;
  else form_ = isWorthWinograd(channels, typical_size) ? Form::kWinograd : Form::kDirect;
  if (form_ == Form::kQuantized) quantized_ = QuantizedWinograd(channels, outputs);
  else if (form_ == Form::kWinograd) winograd_ = WinogradConvolution(channels, outputs);
  else direct_ = DirectConvolution(channels, outputs, 3);
  for (size_t i = 0; i < resized; ++i) resized_.emplace_back(type, channels, outputs);
  batch_norm_.declare(parameters, group_, prefix + ".bn", outputs);
  const auto count = static_cast<int64_t>(resized);
  const int64_t taps = formatOf(type).weightBytes(channels, kTaps * outputs);
  const int64_t own = form_ == Form::kQuantized  ? QuantizedWinograd::bytes(channels, outputs)
                      : form_ == Form::kWinograd ? WinogradConvolution::bytes(channels, outputs)
                                                 : 4 * kTaps * channels * outputs;
  group_.addWeight(
      parameters, prefix + ".conv.weight", {outputs, (1 + count) * channels, 3, 3},
      [this, &execution](std::span<float> weight) { return make(execution, weight); }, own + count * taps);
}

Status ConcatConvModule::make(const Execution& execution, std::span<const float> weight) {
  const int64_t total = static_cast<int64_t>(1 + resized_.size()) * channels_;
  BEIT_ASSIGN(FloatBuffer scale, FloatBuffer::allocate(outputs_, "a convolution's scale"));
  BEIT_ASSIGN(FloatBuffer bias, FloatBuffer::allocate(outputs_, "a convolution's bias"));
  for (int64_t o = 0; o < outputs_; ++o) {
    scale.data()[o] = batch_norm_.scale(o);
    bias.data()[o] = batch_norm_.shift(o);
  }
  batch_norm_ = {};
  if (form_ == Form::kQuantized) {
    BEIT_TRY(quantized_.make(execution, weight.data(), total, 0, scale.data(), bias.data()));
  } else if (form_ == Form::kWinograd) {
    BEIT_TRY(winograd_.make(execution, weight.data(), total, 0, scale.data(), bias.data()));
  } else {
    BEIT_ASSIGN(FloatBuffer kernel, FloatBuffer::allocate(outputs_ * kTaps * channels_, "a convolution's kernel"));
    oihwToOhwi(
        weight.data(), outputs_, total, 0, channels_, 3, [&](int64_t o) { return scale.data()[o]; }, kernel.data());
    BEIT_TRY(direct_.make(execution, kernel.data(), bias.data(), /*relu=*/resized_.empty()));
  }
  int64_t first = channels_;
  for (ResizedConvolution& part : resized_) {
    BEIT_TRY(part.make(execution, weight.data(), total, first, scale.data()));
    first += channels_;
  }
  return {};
}

int64_t ConcatConvModule::bands(int64_t height) const {
  constexpr int64_t kRows = WinogradConvolution::kRowsPerBand;
  return form_ == Form::kDirect ? 1 : (height + kRows - 1) / kRows;
}

ConcatConvModule::Band ConcatConvModule::bandRows(int64_t band, int64_t height) const {
  constexpr int64_t kRows = WinogradConvolution::kRowsPerBand;
  if (form_ == Form::kDirect) return {0, height};
  return {band * kRows, std::min(kRows, height - band * kRows)};
}

Status ConcatConvModule::run(const Execution& execution, int64_t band, const FeatureMap& map, std::span<const FeatureMap> smaller,
                             BandState& kept, float* output) const {
  assert(smaller.size() == resized_.size());
  const auto [first, rows] = bandRows(band, map.size.height);
  const bool relu = resized_.empty();
  if (form_ == Form::kQuantized) {
    if (band == 0) {
      BEIT_ASSIGN(kept.kernel, quantized_.transform(execution));
    }
    BEIT_TRY(quantized_.run(execution, kept.kernel, map, first, rows, output, relu));
  } else if (form_ == Form::kWinograd) {
    BEIT_TRY(winograd_.run(execution, map, first, rows, output, relu));
  } else {
    BEIT_TRY(direct_.run(execution, map, output));
  }
  if (relu) return {};
  kept.rows.resize(resized_.size());
  for (size_t i = 0; i < resized_.size(); ++i)
    BEIT_TRY(resized_[i].add(execution, smaller[i], map.size, first, rows, kept.rows[i], output));
  // Of a band, which ends where the next one begins: applyActivation() takes whole buffers.
  const int64_t row = map.size.width * outputs_;
  execution.parallelFor(static_cast<size_t>(rows), [&](size_t, size_t y) {
    float* values = output + static_cast<int64_t>(y) * row;
    for (int64_t i = 0; i < row; ++i) values[i] = values[i] < 0.0f ? 0.0f : values[i];
  });
  return {};
}

}  // namespace beit
