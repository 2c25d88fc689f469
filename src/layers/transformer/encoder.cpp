#include "src/layers/transformer/encoder.h"

#include "src/kernels/activation.h"
#include "src/layers/transformer/bias_table_resize.h"

namespace beit {

Result<EncoderScratch> EncoderScratch::allocate(const Execution& execution, const EncoderSpec& spec, int64_t batch, int64_t tokens) {
  const Workspace& workspace = execution.workspace();
  const int64_t rows = batch * tokens;
  EncoderScratch scratch;
  BEIT_ASSIGN(scratch.normalized, workspace.floats(rows * spec.attention.hidden, "normalised states"));
  BEIT_ASSIGN(scratch.intermediate, workspace.floats(rows * spec.intermediate, "intermediate states"));
  BEIT_ASSIGN(scratch.attention, AttentionScratch::allocate(execution, spec.attention, batch, tokens));
  return scratch;
}

void EncoderLayer::declare(const Execution& execution, ParameterList& parameters, const std::string& prefix, const EncoderSpec& spec,
                           WeightType type) {
  const int64_t channels = spec.attention.hidden;
  activation_ = spec.activation;
  layernorm_before_.declare(parameters, prefix + ".layernorm_before", channels, spec.layer_norm_eps);
  layernorm_after_.declare(parameters, prefix + ".layernorm_after", channels, spec.layer_norm_eps);
  attention_.declare(execution, parameters, prefix + ".attention", spec.attention, type);
  if (spec.relative_position_bias)
    relative_position_bias_.declare(parameters, prefix + ".attention.attention.relative_position_bias", spec.bias);
  intermediate_.declare(execution, parameters, prefix + ".intermediate.dense", channels, spec.intermediate, true, type);
  output_.declare(execution, parameters, prefix + ".output.dense", spec.intermediate, channels, true, type);
  if (spec.layer_scale) {
    parameters.add(prefix + ".lambda_1", {channels}, lambda_1_);
    parameters.add(prefix + ".lambda_2", {channels}, lambda_2_);
  }
}

Status EncoderLayer::run(LayerPart part, const Execution& execution, int64_t batch, int64_t tokens, const GridBias& bias,
                         EncoderScratch& scratch, float* states, float* probabilities) const {
  const int64_t rows = batch * tokens;
  float* branch = scratch.normalized.data();
  float* intermediate = scratch.intermediate.data();
  switch (part) {
    case LayerPart::kAttention:
      // attention_output = self.attention(self.layernorm_before(hidden_states)); the attention reads its
      // input before it writes its output, so both are one buffer.
      layernorm_before_.run(execution, rows, states, branch);
      BEIT_TRY(attention_.run(execution, batch, tokens, branch, bias, scratch.attention, branch, probabilities));
      // hidden_states = lambda_1 * attention_output + hidden_states; layernorm_after(hidden_states)
      layernorm_after_.runAfterResidual(execution, rows, states, branch, lambda_1_.data(), branch);
      break;
    case LayerPart::kIntermediate:
      BEIT_TRY(intermediate_.run(execution, rows, branch, intermediate));
      applyActivation(execution, activation_, intermediate, rows * intermediate_.outputs());
      break;
    case LayerPart::kOutput:
      // layer_output = self.output(activation(self.intermediate(layer_output)))
      BEIT_TRY(output_.run(execution, rows, intermediate, branch));
      // layer_output = lambda_2 * layer_output + hidden_states
      addResidual(execution, rows, layernorm_after_.channels, states, branch, lambda_2_.data());
      break;
  }
  return {};
}

void Encoder::declare(const Execution& execution, ParameterList& parameters, const std::string& prefix, const EncoderSpec& spec,
                      WeightType type) {
  if (spec.shared_relative_position_bias) shared_bias_.declare(parameters, prefix + ".relative_position_bias", spec.bias);
  for (int64_t i = 0; i < spec.layers; ++i) {
    layers_.push_back(std::make_unique<EncoderLayer>());
    layers_.back()->declare(execution, parameters, prefix + ".layer." + std::to_string(i), spec, type);
  }
}

void Encoder::prepare(const Execution& execution, Size grid) {
  if (execution.workspace().counting()) return execution.workspace().keep(this, biasBytes(grid));
  if (grid == prepared_) return;
  biases_.clear();
  prepared_ = {};  // until all is done: an allocation that throws leaves nothing prepared
  std::vector<float> shared;
  if (shared_bias_.declared()) shared = shared_bias_.tableFor(grid);
  for (const auto& layer : layers_) {
    const RelativePositionBias& own = layer->relativePositionBias();
    if (!own.declared()) break;  // no layer has one: the spec decides for all
    std::vector<float> table = own.tableFor(grid);
    // Both biases are added to the scores, so their sum is added once.
    for (size_t i = 0; i < shared.size(); ++i) table[i] += shared[i];
    biases_.emplace_back(table, grid, own.heads());
  }
  if (biases_.empty() && shared_bias_.declared()) biases_.emplace_back(shared, grid, shared_bias_.heads());
  prepared_ = grid;
}

int64_t Encoder::biasBytes(Size grid) const {
  const int64_t distances = (2 * grid.height - 1) * (2 * grid.width - 1) + kClsRows;
  int64_t bytes = 0;
  for (const auto& layer : layers_) bytes += 4 * distances * layer->relativePositionBias().heads();
  return bytes > 0 ? bytes : 4 * distances * shared_bias_.heads();
}

Status Encoder::runLayer(size_t index, LayerPart part, const Execution& execution, int64_t batch, int64_t tokens, EncoderScratch& scratch,
                         float* states, float* probabilities) const {
  static const GridBias kNone;
  const GridBias& bias = biases_.empty() ? kNone : biases_[biases_.size() == 1 ? 0 : index];
  return layers_[index]->run(part, execution, batch, tokens, bias, scratch, states, probabilities);
}

}  // namespace beit
