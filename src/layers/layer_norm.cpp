#include "src/layers/layer_norm.h"

#include <algorithm>
#include <cmath>

#include "src/kernels/simd.h"

namespace beit {

namespace {

constexpr int64_t kRowsPerTask = 8;

// Calls row(r) for each row, a few rows a task.
template <typename Row>
void parallelRows(const Execution& execution, int64_t rows, const Row& row) {
  const WorkTimer timer(execution.profile(), Work::kNorm);
  const int64_t tasks = (rows + kRowsPerTask - 1) / kRowsPerTask;
  execution.parallelFor(static_cast<size_t>(tasks), [&](size_t, size_t task) {
    const int64_t begin = static_cast<int64_t>(task) * kRowsPerTask;
    for (int64_t r = begin; r < std::min(rows, begin + kRowsPerTask); ++r) row(r);
  });
}

// `weight` and `bias` are (channels), or both null for ones and zeros.
void normalizeRow(int64_t channels, const float* input, const float* weight, const float* bias, float epsilon, float* output) {
  F32x4 total = splat4(0.0f);
  int64_t c = 0;
  for (; c + 4 <= channels; c += 4) total += load4(input + c);
  float mean = reduceAdd(total);
  for (; c < channels; ++c) mean += input[c];
  mean /= static_cast<float>(channels);

  // Two passes, as the reference: the squares of differences lose no digits to a large mean.
  F32x4 squares = splat4(0.0f);
  for (c = 0; c + 4 <= channels; c += 4) {
    const F32x4 d = load4(input + c) - splat4(mean);
    squares = multiplyAdd(d, d, squares);
  }
  float variance = reduceAdd(squares);
  for (; c < channels; ++c) variance += (input[c] - mean) * (input[c] - mean);
  variance /= static_cast<float>(channels);

  const float inverse = 1.0f / std::sqrt(variance + epsilon);
  if (!weight) {
    for (c = 0; c < channels; ++c) output[c] = (input[c] - mean) * inverse;
    return;
  }
  c = storeVectors(channels, output, [&](int64_t at) {
    const F32x4 d = (load4(input + at) - splat4(mean)) * splat4(inverse);
    return multiplyAdd(d, load4(weight + at), load4(bias + at));
  });
  for (; c < channels; ++c) output[c] = (input[c] - mean) * inverse * weight[c] + bias[c];
}

void addRow(int64_t channels, float* states, const float* branch, const float* scale) {
  int64_t c = 0;
  if (scale) {
    c = storeVectors(channels, states, [&](int64_t at) { return multiplyAdd(load4(branch + at), load4(scale + at), load4(states + at)); });
    for (; c < channels; ++c) states[c] += branch[c] * scale[c];
  } else {
    c = storeVectors(channels, states, [&](int64_t at) { return load4(states + at) + load4(branch + at); });
    for (; c < channels; ++c) states[c] += branch[c];
  }
}

}  // namespace

void LayerNorm::declare(ParameterList& parameters, const std::string& prefix, int64_t channels_, double epsilon_) {
  channels = channels_;
  epsilon = static_cast<float>(epsilon_);
  parameters.add(prefix + ".weight", {channels}, weight);
  parameters.add(prefix + ".bias", {channels}, bias);
}

void LayerNorm::run(const Execution& execution, int64_t rows, const float* input, float* output) const {
  normalize(execution, rows, channels, epsilon, weight.data(), bias.data(), input, output);
}

void normalize(const Execution& execution, int64_t rows, int64_t channels, float epsilon, const float* weight, const float* bias,
               const float* input, float* output) {
  parallelRows(execution, rows,
               [&](int64_t r) { normalizeRow(channels, input + r * channels, weight, bias, epsilon, output + r * channels); });
}

void LayerNorm::runAfterResidual(const Execution& execution, int64_t rows, float* states, const float* branch, const float* scale,
                                 float* output) const {
  parallelRows(execution, rows, [&](int64_t r) {
    addRow(channels, states + r * channels, branch + r * channels, scale);
    normalizeRow(channels, states + r * channels, weight.data(), bias.data(), epsilon, output + r * channels);
  });
}

void addResidual(const Execution& execution, int64_t rows, int64_t channels, float* states, const float* branch, const float* scale) {
  parallelRows(execution, rows, [&](int64_t r) { addRow(channels, states + r * channels, branch + r * channels, scale); });
}

}  // namespace beit
