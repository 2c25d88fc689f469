#include "src/training/layer_tape.h"

#include <algorithm>
#include <cmath>

#include "src/kernels/activation.h"
#include "src/kernels/simd.h"
#include "src/layers/layer_norm.h"
#include "src/training/activation_backward.h"
#include "src/training/column_sums.h"
#include "src/training/layer_norm_backward.h"

namespace beit {

namespace {

// Calls run(first, count) for all of `count` floats, some a task.
template <typename Run>
void forBlocks(const Execution& execution, int64_t count, const Run& run) {
  constexpr int64_t kBlock = 8192;
  execution.parallelFor(static_cast<size_t>((count + kBlock - 1) / kBlock), [&](size_t, size_t block) {
    const int64_t first = static_cast<int64_t>(block) * kBlock;
    run(first, std::min(kBlock, count - first));
  });
}

// output = states + factors * branch, each (B, T, C); factors are (B, C), or null for ones.
void addBranch(const Execution& execution, const Sequences& sequences, int64_t channels, const float* states, const float* branch,
               const float* factors, float* output) {
  const WorkTimer timer(execution.profile(), Work::kNorm);
  execution.parallelFor(static_cast<size_t>(sequences.rows()), [&](size_t, size_t row) {
    const int64_t at = static_cast<int64_t>(row) * channels;
    const float* factor = factors ? factors + static_cast<int64_t>(row) / sequences.tokens() * channels : nullptr;
    for (int64_t c = 0; c < channels; ++c) output[at + c] = states[at + c] + (factor ? factor[c] * branch[at + c] : branch[at + c]);
  });
}

void normalize(const Execution& execution, int64_t rows, const TrainedNorm& norm, const float* input, float* output) {
  normalize(execution, rows, norm.channels, norm.epsilon, norm.weight->value.data(), norm.bias->value.data(), input, output);
}

}  // namespace

Result<LayerTape> LayerTape::allocate(const Execution& execution, const EncoderSpec& spec, const Sequences& sequences, bool kept,
                                      bool branches) {
  const Workspace& workspace = execution.workspace();
  const int64_t states = sequences.rows() * spec.attention.hidden;
  constexpr const char* kPurpose = "what a layer keeps for its gradients";
  LayerTape tape;
  if (kept) {
    BEIT_ASSIGN(tape.input, workspace.floats(states, kPurpose));
  }
  for (FloatBuffer* each : {&tape.query, &tape.key, &tape.value, &tape.context, &tape.middle}) {
    BEIT_ASSIGN(*each, workspace.floats(states, kPurpose));
  }
  BEIT_ASSIGN(tape.intermediate, workspace.floats(sequences.rows() * spec.intermediate, kPurpose));
  for (FloatBuffer* each : {&tape.attention, &tape.output}) {
    if (!branches) continue;
    BEIT_ASSIGN(*each, workspace.floats(states, kPurpose));
  }
  return tape;
}

Result<LayerScratch> LayerScratch::allocate(const Execution& execution, const EncoderSpec& spec, const Sequences& sequences, bool backward,
                                            bool biased) {
  const Workspace& workspace = execution.workspace();
  const int64_t channels = spec.attention.hidden, rows = sequences.rows();
  LayerScratch scratch;
  for (size_t i = 0; i < (backward ? 2 : 1); ++i) {
    BEIT_ASSIGN(scratch.narrow[i], workspace.floats(rows * channels, "normalised states"));
    BEIT_ASSIGN(scratch.wide[i], workspace.floats(rows * std::max(spec.intermediate, 3 * channels), "intermediate states"));
  }
  BEIT_ASSIGN(scratch.factors, workspace.floats(sequences.batch * channels, "scales of branches"));
  BEIT_ASSIGN(scratch.panels,
              workspace.floats(attentionPanelFloats(spec.attention, sequences.batch, sequences.tokens()), "packed keys and values"));
  BEIT_ASSIGN(scratch.scores, workspace.floats(attentionScoreFloats(execution, sequences.tokens()), "attention scores"));
  if (!backward) return scratch;
  BEIT_ASSIGN(scratch.statistics, workspace.floats(2 * rows, "means and deviations"));
  BEIT_ASSIGN(scratch.attention, AttentionBackward::allocate(execution, spec.attention, sequences.batch, sequences.grid, biased));
  return scratch;
}

TrainedLayer::TrainedLayer(TrainedParameters& parameters, const std::string& prefix, const EncoderSpec& spec)
    : spec_(spec),
      layernorm_before_(parameters, prefix + ".layernorm_before", spec.layer_norm_eps),
      layernorm_after_(parameters, prefix + ".layernorm_after", spec.layer_norm_eps),
      query_(parameters, prefix + ".attention.attention.query"),
      key_(parameters, prefix + ".attention.attention.key"),
      value_(parameters, prefix + ".attention.attention.value"),
      attention_output_(parameters, prefix + ".attention.output.dense"),
      intermediate_(parameters, prefix + ".intermediate.dense"),
      output_(parameters, prefix + ".output.dense"),
      lambda_1_(parameters.find(prefix + ".lambda_1")),
      lambda_2_(parameters.find(prefix + ".lambda_2")),
      bias_table_(parameters.find(prefix + ".attention.attention.relative_position_bias.relative_position_bias_table")) {}

void TrainedLayer::need(int64_t rows, ProductScratch& products) const {
  products.need(rows, query_);
  products.need(rows, intermediate_);
  products.need(rows, output_);
}

// Returns (B, C), or null for ones.
const float* TrainedLayer::factors(const Execution& execution, const Sequences& sequences, const TrainedParameter* lambda,
                                   const float* scale, LayerScratch& scratch) const {
  if (!lambda && !scale) return nullptr;
  const int64_t channels = spec_.attention.hidden;
  execution.compute([&] {
    for (int64_t b = 0; b < sequences.batch; ++b)
      for (int64_t c = 0; c < channels; ++c)
        scratch.factors.data()[b * channels + c] = (lambda ? lambda->value.data()[c] : 1.0f) * (scale ? scale[b] : 1.0f);
  });
  return scratch.factors.data();
}

void TrainedLayer::forward(const Execution& execution, const Sequences& sequences, const GridBias& bias, const float* branch_scale,
                           const float* input, LayerTape& tape, LayerScratch& scratch, float* output) const {
  const int64_t rows = sequences.rows(), channels = spec_.attention.hidden;
  float *normalized = scratch.narrow[0].data(), *activated = scratch.wide[0].data();
  const ProductScratch& products = scratch.products;
  normalize(execution, rows, layernorm_before_, input, normalized);
  multiplyForward(execution, rows, query_, normalized, tape.query.data(), products);
  multiplyForward(execution, rows, key_, normalized, tape.key.data(), products);
  multiplyForward(execution, rows, value_, normalized, tape.value.data(), products);
  const float scale = 1.0f / std::sqrt(static_cast<float>(spec_.attention.headDim()));
  forBlocks(execution, rows * channels, [&](int64_t first, int64_t count) {
    float* query = tape.query.data() + first;
    for (int64_t i = 0; i < count; ++i) query[i] *= scale;
  });
  attend(execution, spec_.attention, sequences.batch, sequences.tokens(),
         {tape.query.data(), tape.key.data(), tape.value.data(), tape.context.data()}, bias, scratch.panels.data(), scratch.scores.data(),
         nullptr);
  float* branch = tape.attention.empty() ? normalized : tape.attention.data();
  multiplyForward(execution, rows, attention_output_, tape.context.data(), branch, products);
  addBranch(execution, sequences, channels, input, branch, factors(execution, sequences, lambda_1_, branch_scale, scratch),
            tape.middle.data());

  normalize(execution, rows, layernorm_after_, tape.middle.data(), normalized);
  multiplyForward(execution, rows, intermediate_, normalized, tape.intermediate.data(), products);
  forBlocks(execution, rows * spec_.intermediate,
            [&](int64_t first, int64_t count) { std::copy_n(tape.intermediate.data() + first, count, activated + first); });
  applyActivation(execution, spec_.activation, activated, rows * spec_.intermediate);
  branch = tape.output.empty() ? normalized : tape.output.data();
  multiplyForward(execution, rows, output_, activated, branch, products);
  const float* second_scale = branch_scale ? branch_scale + sequences.batch : nullptr;
  addBranch(execution, sequences, channels, tape.middle.data(), branch, factors(execution, sequences, lambda_2_, second_scale, scratch),
            output);
}

// Returns the gradient of a branch's output of that of the states that it was added to; adds to those of lambda and of the branch's bias.
const float* TrainedLayer::branchBackward(const Execution& execution, const Sequences& sequences, TrainedParameter* lambda,
                                          const float* scale, const FloatBuffer& branch, const TrainedLinear& dense, const float* gradient,
                                          LayerScratch& scratch, float* branch_gradient) const {
  const int64_t channels = spec_.attention.hidden, rows = sequences.rows(), tokens = sequences.tokens();
  const float* by = factors(execution, sequences, lambda, scale, scratch);
  if (!by) {
    addRows(execution, rows, channels, gradient, dense.bias->gradients());
    return gradient;
  }
  const WorkTimer timer(execution.profile(), Work::kNorm);
  const bool of_lambda = lambda && lambda->trained;
  addColumnSums<2>(execution, rows, channels, {dense.bias->gradients(), of_lambda ? lambda->gradient.data() : nullptr},
                   [&](int64_t r, int64_t first, int64_t count, float(*to)[kColumnBlock]) {
                     const int64_t at = r * channels + first, image = r / tokens;
                     const float* factor = by + image * channels + first;
                     for (int64_t i = 0; i < count; ++i) to[0][i] += branch_gradient[at + i] = gradient[at + i] * factor[i];
                     const float share = scale ? scale[image] : 1.0f;
                     for (int64_t i = 0; of_lambda && i < count; ++i) to[1][i] += share * gradient[at + i] * branch.data()[at + i];
                   });
  return branch_gradient;
}

void TrainedLayer::backward(const Execution& execution, const Sequences& sequences, const GridBias& bias, const float* branch_scale,
                            const LayerTape& tape, LayerScratch& scratch, float* gradient) const {
  const int64_t rows = sequences.rows(), channels = spec_.attention.hidden, intermediate = spec_.intermediate;
  float *first = scratch.narrow[0].data(), *second = scratch.narrow[1].data();
  float *activated = scratch.wide[0].data(), *wide = scratch.wide[1].data();
  const ProductScratch& products = scratch.products;

  // states = middle + lambda_2 * output(activation(intermediate(layernorm_after(middle))))
  const float* second_scale = branch_scale ? branch_scale + sequences.batch : nullptr;
  const float* of_branch = branchBackward(execution, sequences, lambda_2_, second_scale, tape.output, output_, gradient, scratch, first);
  if (output_.weight->trained) {
    forBlocks(execution, rows * intermediate,
              [&](int64_t at, int64_t count) { std::copy_n(tape.intermediate.data() + at, count, activated + at); });
    applyActivation(execution, spec_.activation, activated, rows * intermediate);
    addWeightGradient(execution, rows, output_, of_branch, activated, products);
  }
  multiplyBackward(execution, rows, output_, of_branch, wide, /*accumulate=*/false, products);
  activationBackward(execution, spec_.activation, tape.intermediate.data(), wide, rows * intermediate);
  addRows(execution, rows, intermediate, wide, intermediate_.bias->gradients());
  if (intermediate_.weight->trained) {
    normalize(execution, rows, layernorm_after_, tape.middle.data(), second);
    addWeightGradient(execution, rows, intermediate_, wide, second, products);
  }
  multiplyBackward(execution, rows, intermediate_, wide, first, /*accumulate=*/false, products);
  layerNormBackward(execution, rows, layernorm_after_, tape.middle.data(), first, scratch.statistics.data(), gradient, /*accumulate=*/true);

  // middle = input + lambda_1 * attention(layernorm_before(input))
  of_branch = branchBackward(execution, sequences, lambda_1_, branch_scale, tape.attention, attention_output_, gradient, scratch, first);
  addWeightGradient(execution, rows, attention_output_, of_branch, tape.context.data(), products);
  multiplyBackward(execution, rows, attention_output_, of_branch, second, /*accumulate=*/false, products);
  const AttentionGradients of{wide, wide + rows * channels, wide + 2 * rows * channels};
  scratch.attention.run(execution, {tape.query.data(), tape.key.data(), tape.value.data(), const_cast<float*>(tape.context.data())}, bias,
                        second, of);
  addRows(execution, rows, channels, of.query, query_.bias->gradients());
  addRows(execution, rows, channels, of.value, value_.bias->gradients());
  if (query_.weight->trained) {
    normalize(execution, rows, layernorm_before_, tape.input.data(), first);
    addWeightGradient(execution, rows, query_, of.query, first, products);
    addWeightGradient(execution, rows, key_, of.key, first, products);
    addWeightGradient(execution, rows, value_, of.value, first, products);
  }
  multiplyBackward(execution, rows, query_, of.query, first, /*accumulate=*/false, products);
  multiplyBackward(execution, rows, key_, of.key, first, /*accumulate=*/true, products);
  multiplyBackward(execution, rows, value_, of.value, first, /*accumulate=*/true, products);
  layerNormBackward(execution, rows, layernorm_before_, tape.input.data(), first, scratch.statistics.data(), gradient, /*accumulate=*/true);
}

}  // namespace beit
