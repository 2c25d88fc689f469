#include "src/kernels/convolution/quantized_winograd.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "src/kernels/convolution/winograd_tiles.h"
#include "src/kernels/gemm/quantization.h"
#include "src/kernels/gemm/w8a16.h"

namespace beit {

namespace {

using namespace winograd;

// Returns the largest magnitude of either factor.
int32_t limitOf(int64_t inputs) {
  const double fitting = std::sqrt(static_cast<double>(std::numeric_limits<int32_t>::max()) / static_cast<double>(inputs));
  return static_cast<int32_t>(std::min<double>(fitting, std::numeric_limits<int16_t>::max()));
}

}  // namespace

int64_t QuantizedWinograd::bytes(int64_t inputs, int64_t outputs) { return outputs * (kTaps * (groupedInputs(inputs) + 4) + 4); }

Status QuantizedWinograd::make(const Execution& execution, const float* kernel, int64_t total_inputs, int64_t first, const float* scale,
                               const float* bias) {
  const int64_t grouped = groupedInputs(inputs_);
  BEIT_ASSIGN(values_, Buffer<int8_t>::allocate(outputs_ * kTaps * grouped, "quantised weights"));
  BEIT_ASSIGN(scales_, FloatBuffer::allocate(outputs_ * kTaps, "scales of weights"));
  BEIT_ASSIGN(bias_, FloatBuffer::allocate(outputs_, "a convolution's bias"));
  BEIT_ASSIGN(FloatBuffer rows, FloatBuffer::allocate(execution.threads() * inputs_, "a tap's weights"));
  BEIT_ASSIGN(auto rooms, Buffer<int16_t>::allocate(execution.threads() * grouped, "a tap's weights"));
  std::copy_n(bias, outputs_, bias_.data());
  execution.parallelFor(static_cast<size_t>(outputs_), [&](size_t thread, size_t output) {
    const auto o = static_cast<int64_t>(output);
    float* row = rows.data() + static_cast<int64_t>(thread) * inputs_;
    int16_t* integers = rooms.data() + static_cast<int64_t>(thread) * grouped;
    for (int64_t tap = 0; tap < kTaps; ++tap) {
      for (int64_t i = 0; i < inputs_; ++i) row[i] = scale[o] * kernel[(o * total_inputs + first + i) * kTaps + tap];
      const int64_t at = o * kTaps + tap;
      scales_.data()[at] = quantizeRow(inputs_, row, kWeightLimit, integers);
      std::copy_n(integers, grouped, values_.data() + at * grouped);
    }
  });
  return {};
}

Result<QuantizedWinograd::Transformed> QuantizedWinograd::transform(const Execution& execution) const {
  const int64_t grouped = groupedInputs(inputs_), depth = pairedInputs(inputs_), panels = panelsOf(outputs_);
  const Workspace& workspace = execution.workspace();
  Transformed result;
  BEIT_ASSIGN(result.panels, workspace.elements<int16_t>(kPoints * panels * kNr * depth, "a transformed kernel"));
  BEIT_ASSIGN(result.scales, workspace.floats(kPoints * panels * kNr, "scales of a transformed kernel"));
  BEIT_ASSIGN(FloatBuffer points, workspace.floats(execution.threads() * kPoints * grouped, "an output's weights"));
  BEIT_ASSIGN(auto rows, workspace.elements<int16_t>(execution.threads() * kPoints * kNr * grouped, "a panel's weights"));
  const int32_t limit = limitOf(inputs_);
  const WorkTimer timer(execution.profile(), Work::kConvolution);
  execution.parallelFor(static_cast<size_t>(panels), [&](size_t thread, size_t task) {
    const auto panel = static_cast<int64_t>(task);
    float* of_output = points.data() + static_cast<int64_t>(thread) * kPoints * grouped;
    int16_t* of_panel = rows.data() + static_cast<int64_t>(thread) * kPoints * kNr * grouped;
    for (int64_t c = 0; c < kNr; ++c) {
      const int64_t output = panel * kNr + c;
      if (output < outputs_)
        transformKernels(grouped, values_.data() + output * kTaps * grouped, scales_.data() + output * kTaps, of_output);
      for (int64_t p = 0; p < kPoints; ++p) {
        int16_t* row = of_panel + (p * kNr + c) * grouped;
        float& scale = result.scales.data()[p * panels * kNr + output] = 0.0f;
        if (output < outputs_) scale = quantizeRow(inputs_, of_output + p * grouped, limit, row);
        else std::fill_n(row, grouped, static_cast<int16_t>(0));
      }
    }
    for (int64_t p = 0; p < kPoints; ++p)
      for (int64_t half = 0; half < kNr; half += kMr)
        interleaveRows(depth, of_panel + (p * kNr + half) * grouped, grouped,
                       result.panels.data() + (p * panels + panel) * kNr * depth + 2 * half, 2 * kNr);
  });
  return result;
}

Status QuantizedWinograd::run(const Execution& execution, const Transformed& kernel, const FeatureMap& input, int64_t first_row,
                              int64_t rows, float* output, bool relu) const {
  assert(input.channels == inputs_ && first_row % kTile == 0);
  const int64_t across = (input.size.width + kTile - 1) / kTile, down = (rows + kTile - 1) / kTile, tiles = down * across;
  const int64_t depth = pairedInputs(inputs_), panels = panelsOf(outputs_), groups = (tiles + kMr - 1) / kMr;
  const WorkTimer timer(execution.profile(), Work::kConvolution, 2.0 * static_cast<double>(kPoints * tiles * inputs_ * outputs_));
  const Workspace& workspace = execution.workspace();
  BEIT_ASSIGN(auto values, workspace.elements<int16_t>(kPoints * groups * kMr * depth, "transformed inputs"));
  BEIT_ASSIGN(FloatBuffer scales, workspace.floats(kPoints * groups * kMr, "scales of transformed inputs"));
  BEIT_ASSIGN(FloatBuffer products, workspace.floats(kPoints * tiles * outputs_, "products"));
  BEIT_ASSIGN(FloatBuffer points, workspace.floats(execution.threads() * kPoints * kMr * inputs_, "tiles of inputs"));
  BEIT_ASSIGN(auto rooms, workspace.elements<int16_t>(execution.threads() * kMr * groupedInputs(inputs_), "rows of a tile"));
  const int32_t limit = limitOf(inputs_);
  // Four tiles at a time, which stay in the second-level cache until they are integers.
  execution.parallelFor(static_cast<size_t>(groups), [&](size_t thread, size_t task) {
    const int64_t first = static_cast<int64_t>(task) * kMr, count = std::min(kMr, tiles - first);
    float* of_thread = points.data() + static_cast<int64_t>(thread) * kPoints * kMr * inputs_;
    int16_t* room = rooms.data() + static_cast<int64_t>(thread) * kMr * groupedInputs(inputs_);
    for (int64_t i = 0; i < count; ++i)
      transformInputTile(input, first_row + (first + i) / across * kTile - 1, (first + i) % across * kTile - 1, of_thread + i * inputs_,
                         kMr * inputs_);
    for (int64_t p = 0; p < kPoints; ++p)
      quantizeTile(count, inputs_, of_thread + p * kMr * inputs_, inputs_, limit, room, values.data() + (p * groups * kMr + first) * depth,
                   scales.data() + p * groups * kMr + first);
  });
  constexpr int64_t kParts = 4;  // of a point's panels
  static constexpr float kNoBias[kMostPanels * kNr] = {};
  const int64_t at_once = execution.microkernels().w8a16_panels;
  execution.parallelFor(static_cast<size_t>(kPoints * kParts), [&](size_t, size_t task) {
    const int64_t p = static_cast<int64_t>(task) / kParts, part = static_cast<int64_t>(task) % kParts, last = (part + 1) * panels / kParts;
    for (int64_t panel = part * panels / kParts; panel < last; panel += at_once) {
      const int64_t column = panel * kNr, width = std::min(at_once, last - panel) * kNr;
      for (int64_t r = 0; r < tiles; r += kMr)
        w8a16Microkernel(std::min(kMr, tiles - r), std::min(width, outputs_ - column), static_cast<size_t>(depth),
                         values.data() + (p * groups * kMr + r) * depth, scales.data() + p * groups * kMr + r,
                         kernel.panels.data() + (p * panels + panel) * kNr * depth, kernel.scales.data() + p * panels * kNr + column,
                         kNoBias, products.data() + (p * tiles + r) * outputs_ + column, outputs_, {});
    }
  });
  transformProductTiles(execution, products.data(), {rows, input.size.width}, outputs_, bias_.data(), relu, output);
  return {};
}

}  // namespace beit
