#include "src/training/layer_norm_backward.h"

#include <algorithm>
#include <cmath>

#include "src/kernels/simd.h"
#include "src/training/column_sums.h"

namespace beit {

namespace {

// What a row is normalised by.
struct Statistics {
  float mean, inverse;  // 1 / sqrt(variance + epsilon)
};

// Reads four of a row, or its last few with zeros behind them: what follows the row may be another thread's, who writes it.
struct Four {
  F32x4 operator()(const float* from) const { return load4(from); }
};
struct Rest {
  int64_t count;
  F32x4 operator()(const float* from) const {
    float lanes[4] = {};
    std::copy_n(from, count, lanes);
    return load4(lanes);
  }
};

// value(c, load) reads from column c on by load(pointer).
template <typename Value>
float meanOf(int64_t channels, const Value& value) {
  F32x4 total = splat4(0.0f);
  int64_t c = 0;
  for (; c + 4 <= channels; c += 4) total += value(c, Four());
  float sum = reduceAdd(total);
  if (c < channels) {
    const F32x4 rest = value(c, Rest{channels - c});
    for (int64_t i = 0; c + i < channels; ++i) sum += rest[i];
  }
  return sum / static_cast<float>(channels);
}

Statistics statisticsOf(int64_t channels, const float* row, float epsilon) {
  const float mean = meanOf(channels, [&](int64_t c, auto load) { return load(row + c); });
  const float variance = meanOf(channels, [&](int64_t c, auto load) {
    const F32x4 d = load(row + c) - splat4(mean);
    return d * d;
  });
  return {mean, 1.0f / std::sqrt(variance + epsilon)};
}

// dx = inverse * (g - mean(g) - x̂ * mean(g ∘ x̂)) with g = dy ∘ weight
void rowBackward(int64_t channels, const float* x, const float* dy, const float* weight, Statistics s, float* dx, bool accumulate) {
  const auto normalized = [&](int64_t c, auto load) { return (load(x + c) - splat4(s.mean)) * splat4(s.inverse); };
  const auto scaled = [&](int64_t c, auto load) { return load(dy + c) * load(weight + c); };
  const F32x4 mean = splat4(meanOf(channels, scaled));
  const F32x4 dot = splat4(meanOf(channels, [&](int64_t c, auto load) { return scaled(c, load) * normalized(c, load); }));
  const auto at = [&](int64_t c, auto load) { return splat4(s.inverse) * (scaled(c, load) - mean - normalized(c, load) * dot); };
  int64_t c = 0;
  for (; c + 4 <= channels; c += 4) store4(dx + c, accumulate ? load4(dx + c) + at(c, Four()) : at(c, Four()));
  if (c == channels) return;
  const F32x4 rest = at(c, Rest{channels - c});
  for (int64_t i = 0; c + i < channels; ++i) dx[c + i] = accumulate ? dx[c + i] + rest[i] : rest[i];
}

}  // namespace

void layerNormBackward(const Execution& execution, int64_t rows, const TrainedNorm& norm, const float* input, const float* output_gradient,
                       float* statistics, float* input_gradient, bool accumulate) {
  const WorkTimer timer(execution.profile(), Work::kNorm);
  constexpr int64_t kRowsPerTask = 8;
  const int64_t channels = norm.channels;
  const auto forRows = [&](const auto& row) {
    execution.parallelFor(static_cast<size_t>((rows + kRowsPerTask - 1) / kRowsPerTask), [&](size_t, size_t task) {
      const int64_t begin = static_cast<int64_t>(task) * kRowsPerTask;
      for (int64_t r = begin; r < std::min(rows, begin + kRowsPerTask); ++r) row(r);
    });
  };
  forRows([&](int64_t r) {
    const Statistics s = statisticsOf(channels, input + r * channels, norm.epsilon);
    statistics[2 * r] = s.mean;
    statistics[2 * r + 1] = s.inverse;
  });
  if (norm.weight->trained)
    addColumnSums<2>(execution, rows, channels, {norm.weight->gradients(), norm.bias->gradients()},
                     [&](int64_t r, int64_t first, int64_t count, float(*to)[kColumnBlock]) {
                       const float* x = input + r * channels + first;
                       const float* dy = output_gradient + r * channels + first;
                       const float mean = statistics[2 * r], inverse = statistics[2 * r + 1];
                       for (int64_t i = 0; i < count; ++i) {
                         to[0][i] += dy[i] * ((x[i] - mean) * inverse);
                         to[1][i] += dy[i];
                       }
                     });
  forRows([&](int64_t r) {
    rowBackward(channels, input + r * channels, output_gradient + r * channels, norm.weight->value.data(),
                {statistics[2 * r], statistics[2 * r + 1]}, input_gradient + r * channels, accumulate);
  });
}

}  // namespace beit
