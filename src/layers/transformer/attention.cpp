#include "src/layers/transformer/attention.h"

#include <algorithm>
#include <cmath>

#include "src/kernels/gemm/f32.h"
#include "src/kernels/vector_math.h"

namespace beit {

namespace {

// Rows of scores that one task holds: a multiple of the matrix kernel's tiles, few enough for
// 24 x 1601 floats (150 KiB) to stay in the second-level cache.
constexpr int64_t kAttentionRows = 24;

int64_t roundedTokens(int64_t tokens) { return (tokens + 7) / 8 * 8; }

}  // namespace

// The keys and the values of all heads, packed.
int64_t attentionPanelFloats(const AttentionSpec& spec, int64_t batch, int64_t tokens) {
  return batch * spec.heads * (packedFloats(spec.headDim(), tokens) + packedFloats(tokens, spec.headDim()));
}

int64_t attentionScoreFloats(const Execution& execution, int64_t tokens) {
  return execution.threads() * kAttentionRows * roundedTokens(tokens);
}

void softmaxRow(float* scores, int64_t count) {
  // The tail of the last group takes no part: its scores become 0 probabilities.
  const int64_t whole = count / 4 * 4;
  float most = scores[0];
  F32x4 most4 = splat4(most);
  for (int64_t i = 0; i < whole; i += 4) most4 = max4(load4(scores + i), most4);
  most = reduceMax(most4);
  for (int64_t i = whole; i < count; ++i) most = std::max(most, scores[i]);

  F32x4 total4 = splat4(0.0f);
  int64_t done = 0;
  for (; done + 8 <= whole; done += 8) {  // two at once, so that one does not wait for the other's chain of sums
    const F32x4 first = exp4(load4(scores + done) - splat4(most)), second = exp4(load4(scores + done + 4) - splat4(most));
    float* to = adjacentFrom(scores + done);
    store4(to, first);
    store4(to + 4, second);
    total4 += first + second;
  }
  if (done < whole) {
    const F32x4 e = exp4(load4(scores + done) - splat4(most));
    store4(scores + done, e);
    total4 += e;
  }
  float total = reduceAdd(total4);
  if (whole < count) {
    const F32x4 e = exp4(load4(scores + whole) - splat4(most));
    for (int64_t i = whole; i < count; ++i) total += scores[i] = e[i - whole];
  }
  const float inverse = 1.0f / total;
  for (int64_t i = storeVectors(count, scores, [&](int64_t at) { return load4(scores + at) * splat4(inverse); }); i < count; ++i)
    scores[i] *= inverse;
}

void attend(const Execution& execution, const AttentionSpec& spec, int64_t batch, int64_t tokens, const AttentionStates& states,
            const GridBias& bias, float* panels, float* scores, float* probabilities) {
  const WorkTimer timer(execution.profile(), Work::kAttention,
                        4.0 * static_cast<double>(batch * spec.hidden) * static_cast<double>(tokens * tokens));
  const int64_t rounded = roundedTokens(tokens), head_dim = spec.headDim();
  // Of each head first the keys, (T, D) as a layer's weights are, then the values, which are transposed.
  const int64_t key_floats = packedFloats(head_dim, tokens), value_floats = packedFloats(tokens, head_dim);
  execution.parallelFor(static_cast<size_t>(batch * spec.heads), [&](size_t, size_t task) {
    const int64_t b = static_cast<int64_t>(task) / spec.heads, head = static_cast<int64_t>(task) % spec.heads;
    const int64_t offset = b * tokens * spec.hidden + head * head_dim;
    float* of_head = panels + static_cast<int64_t>(task) * (key_floats + value_floats);
    packRows(head_dim, tokens, states.key + offset, spec.hidden, of_head);
    packColumns(tokens, head_dim, states.value + offset, spec.hidden, of_head + key_floats);
  });

  const int64_t blocks = (tokens + kAttentionRows - 1) / kAttentionRows;
  execution.parallelFor(static_cast<size_t>(batch * spec.heads * blocks), [&](size_t thread, size_t task) {
    const int64_t block = static_cast<int64_t>(task) % blocks, of_head = static_cast<int64_t>(task) / blocks;
    const int64_t b = of_head / spec.heads, head = of_head % spec.heads;
    const int64_t first = block * kAttentionRows, rows = std::min(kAttentionRows, tokens - first);
    const int64_t offset = b * tokens * spec.hidden + head * head_dim;
    float* of_thread = scores + static_cast<int64_t>(thread) * kAttentionRows * rounded;
    const float* keys = panels + of_head * (key_floats + value_floats);
    // attention_scores = query @ key^T (+ relative_position_bias), then softmax
    multiplyPacked(execution.microkernels(), rows, head_dim, tokens, states.query + offset + first * spec.hidden, spec.hidden, keys,
                   /*bias=*/nullptr, of_thread, rounded);
    for (int64_t r = 0; r < rows; ++r) {
      float* row = of_thread + r * rounded;
      if (!bias.empty()) bias.addToRow(head, first + r, row);
      softmaxRow(row, tokens);
      if (probabilities) std::copy_n(row, tokens, probabilities + (of_head * tokens + first + r) * tokens);
    }
    // context_layer = attention_probs @ value
    multiplyPacked(execution.microkernels(), rows, tokens, head_dim, of_thread, rounded, keys + key_floats, /*bias=*/nullptr,
                   states.context + offset + first * spec.hidden, spec.hidden);
  });
}

Result<AttentionScratch> AttentionScratch::allocate(const Execution& execution, const AttentionSpec& spec, int64_t batch, int64_t tokens) {
  const Workspace& workspace = execution.workspace();
  const int64_t states = batch * tokens * spec.hidden;
  AttentionScratch scratch;
  BEIT_ASSIGN(scratch.query, workspace.floats(states, "queries"));
  BEIT_ASSIGN(scratch.key, workspace.floats(states, "keys"));
  BEIT_ASSIGN(scratch.value, workspace.floats(states, "values"));
  BEIT_ASSIGN(scratch.context, workspace.floats(states, "attention's result"));
  BEIT_ASSIGN(scratch.panels, workspace.floats(attentionPanelFloats(spec, batch, tokens), "packed keys and values"));
  BEIT_ASSIGN(scratch.scores, workspace.floats(attentionScoreFloats(execution, tokens), "attention scores"));
  return scratch;
}

void Attention::declare(const Execution& execution, ParameterList& parameters, const std::string& prefix, const AttentionSpec& spec,
                        WeightType type) {
  spec_ = spec;
  // Scores are scaled by 1/√D: folded into the query projection, so it costs nothing.
  const float scale = 1.0f / std::sqrt(static_cast<float>(spec.headDim()));
  query_.declare(execution, parameters, prefix + ".attention.query", spec_.hidden, spec_.hidden, /*has_bias=*/true, type, scale);
  key_.declare(execution, parameters, prefix + ".attention.key", spec_.hidden, spec_.hidden, /*has_bias=*/false, type);
  value_.declare(execution, parameters, prefix + ".attention.value", spec_.hidden, spec_.hidden, /*has_bias=*/true, type);
  output_.declare(execution, parameters, prefix + ".output.dense", spec_.hidden, spec_.hidden, /*has_bias=*/true, type);
}

Status Attention::run(const Execution& execution, int64_t batch, int64_t tokens, const float* input, const GridBias& bias,
                      AttentionScratch& scratch, float* output, float* probabilities) const {
  const int64_t rows = batch * tokens;
  {
    BEIT_ASSIGN(const auto shared, query_.prepare(execution, rows, input));
    query_.run(execution, *shared, scratch.query.data());  // mixed_query_layer = self.query(...)
    key_.run(execution, *shared, scratch.key.data());
    value_.run(execution, *shared, scratch.value.data());
  }
  attend(execution, spec_, batch, tokens, {scratch.query.data(), scratch.key.data(), scratch.value.data(), scratch.context.data()}, bias,
         scratch.panels.data(), scratch.scores.data(), probabilities);
  return output_.run(execution, rows, scratch.context.data(), output);
}

}  // namespace beit
