#include "src/training/trained_head.h"

#include <algorithm>

#include "src/beit/beit_model.h"
#include "src/beit/losses.h"
#include "src/layers/layer_norm.h"
#include "src/training/column_sums.h"
#include "src/training/layer_norm_backward.h"
#include "src/training/loss_gradients.h"

namespace beit {

namespace {

// Calls row(i, token) for each masked patch in order: token is its row of (B, T).
template <typename Row>
void forMasked(const ForwardInputs& inputs, int64_t patches, const Row& row) {
  int64_t next = 0;
  for (size_t i = 0; i < inputs.bool_masked_pos.size(); ++i)
    if (const auto patch = static_cast<int64_t>(i); inputs.bool_masked_pos[i]) row(next++, patch + patch / patches + 1);
}

}  // namespace

TrainedHead::TrainedHead(TrainedParameters& parameters, const BeitConfig& config, Reads reads)
    : config_(config), reads_(reads), linear_(parameters, reads == Reads::kMaskedPatches ? "lm_head" : "classifier") {
  for (const char* prefix : {"beit.layernorm", "beit.pooler.layernorm", "layernorm"})
    if (parameters.find(std::string(prefix) + ".weight")) norms_.emplace_back(parameters, prefix, config.layer_norm_eps);
}

Status TrainedHead::check(const ForwardInputs& inputs) const {
  if (reads_ != Reads::kMaskedPatches)
    return inputs.labels ? checkClassificationTargets(*inputs.labels, config_, inputs.pixel_values.shape[0]) : Status();
  if (!inputs.mask_shape || rows(inputs) == 0)
    return mismatch(ErrorCode::kInvalidArgument, "bool_masked_pos", inputs.mask_shape ? "no masked patch" : "no mask",
                    "a mask of one patch at least, since the loss is that of masked patches");
  return inputs.labels ? checkMaskedLabels(inputs, config_) : Status();
}

int64_t TrainedHead::rows(const ForwardInputs& inputs) const {
  if (reads_ != Reads::kMaskedPatches) return inputs.pixel_values.shape[0];
  return std::count_if(inputs.bool_masked_pos.begin(), inputs.bool_masked_pos.end(), [](uint8_t masked) { return masked != 0; });
}

Result<HeadTape> TrainedHead::allocate(const Execution& execution, int64_t rows) const {
  const Workspace& workspace = execution.workspace();
  HeadTape tape;
  tape.states.resize(norms_.size() + 1);
  for (FloatBuffer& each : tape.states) {
    BEIT_ASSIGN(each, workspace.floats(rows * linear_.inputs, "the head's states"));
  }
  BEIT_ASSIGN(tape.logits, workspace.tensor({rows, linear_.outputs}, "logits"));
  BEIT_ASSIGN(tape.logit_gradient, workspace.floats(rows * linear_.outputs, "gradients of logits"));
  BEIT_ASSIGN(tape.statistics, workspace.floats(2 * rows, "means and deviations"));
  return tape;
}

void TrainedHead::forward(const Execution& execution, const ForwardInputs& inputs, const Sequences& sequences, const float* states,
                          HeadTape& tape, const ProductScratch& products) const {
  const int64_t channels = linear_.inputs, tokens = sequences.tokens();
  float* read = tape.states[0].data();
  execution.compute([&] {
    if (reads_ == Reads::kMaskedPatches)
      return forMasked(inputs, tokens - 1,
                       [&](int64_t i, int64_t row) { std::copy_n(states + row * channels, channels, read + i * channels); });
    for (int64_t b = 0; b < sequences.batch; ++b) {
      const float* of_image = states + b * tokens * channels;
      if (reads_ == Reads::kCls) std::copy_n(of_image, channels, read + b * channels);
      else meanOfPatches(of_image, tokens, channels, read + b * channels);
    }
  });
  const int64_t rows = tape.logits.shape[0];
  for (size_t i = 0; i < norms_.size(); ++i)
    normalize(execution, rows, channels, norms_[i].epsilon, norms_[i].weight->value.data(), norms_[i].bias->value.data(),
              tape.states[i].data(), tape.states[i + 1].data());
  multiplyForward(execution, rows, linear_, tape.states.back().data(), tape.logits.values.data(), products);
}

float TrainedHead::loss(const Execution& execution, const ForwardInputs& inputs, float weight, bool gradients, HeadTape& tape) const {
  float* to = gradients ? tape.logit_gradient.data() : nullptr;
  if (reads_ == Reads::kMaskedPatches)
    return crossEntropyLoss(execution, tape.logits, std::get<std::vector<int32_t>>(inputs.labels->values), weight, to);
  return classificationLoss(execution, tape.logits, *inputs.labels, config_, weight, to);
}

void TrainedHead::backward(const Execution& execution, const ForwardInputs& inputs, const Sequences& sequences, HeadTape& tape,
                           const ProductScratch& products, float* gradient) const {
  const int64_t channels = linear_.inputs, tokens = sequences.tokens(), rows = tape.logits.shape[0];
  addRows(execution, rows, linear_.outputs, tape.logit_gradient.data(), linear_.bias->gradients());
  addWeightGradient(execution, rows, linear_, tape.logit_gradient.data(), tape.states.back().data(), products);
  // What a norm made is not needed once it has been multiplied with: its gradient takes its place.
  float* of_states = tape.states.back().data();
  multiplyBackward(execution, rows, linear_, tape.logit_gradient.data(), of_states, /*accumulate=*/false, products);
  for (size_t i = norms_.size(); i-- > 0;)
    layerNormBackward(execution, rows, norms_[i], tape.states[i].data(), of_states, tape.statistics.data(), of_states,
                      /*accumulate=*/false);
  execution.compute([&] {
    std::fill_n(gradient, sequences.rows() * channels, 0.0f);
    if (reads_ == Reads::kMaskedPatches)
      return forMasked(inputs, tokens - 1,
                       [&](int64_t i, int64_t row) { std::copy_n(of_states + i * channels, channels, gradient + row * channels); });
    const float share = 1.0f / static_cast<float>(tokens - 1);
    for (int64_t b = 0; b < sequences.batch; ++b) {
      const float* from = of_states + b * channels;
      float* to = gradient + b * tokens * channels;
      if (reads_ == Reads::kCls) {
        std::copy_n(from, channels, to);
        continue;
      }
      for (int64_t t = 1; t < tokens; ++t)
        for (int64_t c = 0; c < channels; ++c) to[t * channels + c] = share * from[c];
    }
  });
}

}  // namespace beit
