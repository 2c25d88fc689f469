#include "src/training/attention_backward.h"

#include <algorithm>
#include <cmath>

#include "src/kernels/gemm/f32.h"
#include "src/kernels/simd.h"
#include "src/training/bias_table_backward.h"
#include "src/training/transpose.h"

namespace beit {

namespace {

// Rows of scores that are held at a time, at most: the depth of the products for keys and values.
constexpr int64_t kRows = 80;

// What a thread holds, one behind the other.
struct Room {
  int64_t rounded;                                                       // tokens, as a row of scores has them
  float *keys, *values, *key_columns, *query_columns, *context_columns;  // packed
  float *probabilities, *scores;                                         // (kRows, rounded)
  float *probabilities_transposed, *scores_transposed;                   // (tokens, kRows)

  static int64_t floats(int64_t head_dim, int64_t tokens) { return Room(head_dim, tokens, nullptr).total; }
  Room(int64_t head_dim, int64_t tokens, float* at) : rounded((tokens + 7) / 8 * 8) {
    const auto take = [&](int64_t count) {
      float* here = at ? at + total : nullptr;
      total += (count + 15) / 16 * 16;
      return here;
    };
    keys = take(packedFloats(head_dim, tokens));
    values = take(packedFloats(head_dim, tokens));
    key_columns = take(packedFloats(tokens, head_dim));
    query_columns = take(packedFloats(kRows, head_dim));
    context_columns = take(packedFloats(kRows, head_dim));
    probabilities = take(kRows * rounded);
    scores = take(kRows * rounded);
    probabilities_transposed = take(tokens * kRows);
    scores_transposed = take(tokens * kRows);
  }

 private:
  int64_t total = 0;
};

float dot(int64_t count, const float* a, const float* b) {
  F32x4 total = splat4(0.0f);
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) total = multiplyAdd(load4(a + i), load4(b + i), total);
  float sum = reduceAdd(total);
  for (; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

void scaleRows(int64_t rows, int64_t count, float factor, float* values, int64_t stride) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < count; ++i) values[r * stride + i] *= factor;
}

// gradients = probabilities * (gradients - total): those of scores from those of probabilities.
void softmaxBackward(int64_t count, const float* probabilities, float total, float* gradients) {
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) store4(gradients + i, load4(probabilities + i) * (load4(gradients + i) - splat4(total)));
  for (; i < count; ++i) gradients[i] = probabilities[i] * (gradients[i] - total);
}

}  // namespace

Result<AttentionBackward> AttentionBackward::allocate(const Execution& execution, const AttentionSpec& spec, int64_t batch, Size grid,
                                                      bool biased) {
  AttentionBackward backward;
  backward.spec_ = spec;
  backward.batch_ = batch;
  backward.tokens_ = 1 + grid.area();
  backward.grid_ = grid;
  const Workspace& workspace = execution.workspace();
  BEIT_ASSIGN(backward.rooms_, workspace.floats(execution.threads() * Room::floats(spec.headDim(), backward.tokens_), "attention scores"));
  if (biased) {
    BEIT_ASSIGN(backward.bias_gradients_,
                workspace.floats(batch * spec.heads * GridBiasGradient::floats(grid), "gradients of position biases"));
  }
  return backward;
}

void AttentionBackward::run(const Execution& execution, const AttentionStates& states, const GridBias& bias, const float* context_gradient,
                            const AttentionGradients& gradients) {
  const WorkTimer timer(execution.profile(), Work::kAttention,
                        10.0 * static_cast<double>(batch_ * spec_.hidden) * static_cast<double>(tokens_ * tokens_));
  execution.parallelFor(static_cast<size_t>(batch_ * spec_.heads), [&](size_t thread, size_t task) {
    const auto index = static_cast<int64_t>(task);
    runHead(execution, thread, index / spec_.heads, index % spec_.heads, states, bias, context_gradient, gradients);
  });
}

void AttentionBackward::runHead(const Execution& execution, size_t thread, int64_t image, int64_t head, const AttentionStates& states,
                                const GridBias& bias, const float* context_gradient, const AttentionGradients& gradients) {
  const Microkernels& kernels = execution.microkernels();
  const int64_t head_dim = spec_.headDim(), stride = spec_.hidden, offset = image * tokens_ * stride + head * head_dim;
  const Room room(head_dim, tokens_, rooms_.data() + static_cast<int64_t>(thread) * Room::floats(head_dim, tokens_));
  const float *query = states.query + offset, *key = states.key + offset, *value = states.value + offset;
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  packRows(head_dim, tokens_, key, stride, room.keys);
  packRows(head_dim, tokens_, value, stride, room.values);
  packColumns(tokens_, head_dim, key, stride, room.key_columns);
  GridBiasGradient bias_gradient(
      grid_, bias_gradients_.empty() ? nullptr : bias_gradients_.data() + (image * spec_.heads + head) * GridBiasGradient::floats(grid_));
  if (!bias_gradients_.empty()) bias_gradient.clear();

  // Blocks are equally high: sums over a few rows would take as long to load and store as those over many.
  const int64_t blocks = (tokens_ + kRows - 1) / kRows, height = (tokens_ + blocks - 1) / blocks;
  for (int64_t first = 0; first < tokens_; first += height) {
    const int64_t rows = std::min(height, tokens_ - first), at = offset + first * stride;
    const float* upstream = context_gradient + at;
    multiplyPacked(kernels, rows, head_dim, tokens_, query + first * stride, stride, room.keys, nullptr, room.probabilities, room.rounded);
    multiplyPacked(kernels, rows, head_dim, tokens_, upstream, stride, room.values, nullptr, room.scores, room.rounded);
    for (int64_t r = 0; r < rows; ++r) {
      float *probabilities = room.probabilities + r * room.rounded, *scores = room.scores + r * room.rounded;
      if (!bias.empty()) bias.addToRow(head, first + r, probabilities);
      softmaxRow(probabilities, tokens_);
      // The sum of probabilities times their gradients is that of the context times its own.
      softmaxBackward(tokens_, probabilities, dot(head_dim, upstream + r * stride, states.context + at + r * stride), scores);
      if (!bias_gradients_.empty()) bias_gradient.addRow(first + r, scores);
    }
    multiplyPacked(kernels, rows, tokens_, head_dim, room.scores, room.rounded, room.key_columns, nullptr, gradients.query + at, stride);
    scaleRows(rows, head_dim, scale, gradients.query + at, stride);

    const GemmEpilogue add{.accumulate = first > 0};
    transpose(rows, tokens_, room.scores, room.rounded, room.scores_transposed, kRows);
    packColumns(rows, head_dim, query + first * stride, stride, room.query_columns);
    multiplyPacked(kernels, tokens_, rows, head_dim, room.scores_transposed, kRows, room.query_columns, nullptr, gradients.key + offset,
                   stride, add);
    transpose(rows, tokens_, room.probabilities, room.rounded, room.probabilities_transposed, kRows);
    packColumns(rows, head_dim, upstream, stride, room.context_columns);
    multiplyPacked(kernels, tokens_, rows, head_dim, room.probabilities_transposed, kRows, room.context_columns, nullptr,
                   gradients.value + offset, stride, add);
  }
}

}  // namespace beit
