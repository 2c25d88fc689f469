#include "src/beit/beit_model.h"

#include <algorithm>

#include "src/beit/specs.h"
#include "src/kernels/simd.h"

namespace beit {

VisionTransformer::VisionTransformer(ParameterList& parameters, const BeitConfig& config, Parts parts, WeightType type,
                   const Execution& execution)
    : config_(config),
      execution_(execution),
      has_norm_(parts != Parts::kEncoder && !config.use_mean_pooling),
      has_pooler_(parts == Parts::kEncoderNormAndPooler),
      type_(type) {
  embeddings_.declare(parameters, "beit.embeddings", config);
  encoder_.declare(parameters, "beit.encoder", encoderSpec(config), type);
  if (has_norm_)
    layernorm_.declare(parameters, "beit.layernorm", config.hidden_size, config.layer_norm_eps);
  else if (has_pooler_)
    pooler_layernorm_.declare(parameters, "beit.pooler.layernorm", config.hidden_size, config.layer_norm_eps);
}

Result<std::shared_ptr<VisionTransformer::HiddenStates>> VisionTransformer::addSteps(ForwardPass& pass,
                                                             std::shared_ptr<const ForwardInputs> inputs,
                                                             const ForwardOptions& options) {
  BEIT_ASSIGN(auto states, addSteps(pass, std::move(inputs), options, encoder_.layers(),
                                    [](ForwardPass&, size_t, const HiddenStates&) { return Status(); }));
  pass.add([this, states](ForwardPass&) { return normAndPool(*states); });
  return states;
}

Result<std::shared_ptr<VisionTransformer::HiddenStates>> VisionTransformer::addSteps(ForwardPass& pass,
                                                             std::shared_ptr<const ForwardInputs> inputs,
                                                             const ForwardOptions& options, size_t last_layer,
                                                             OnHiddenState on_hidden_state) {
  if (options.output_hidden_states || options.output_attentions) last_layer = encoder_.layers();
  BEIT_TRY(embeddings_.check(*inputs));
  const Shape& shape = inputs->pixel_values.shape;
  const Size grid = config_.patchGrid({shape[2], shape[3]});
  auto states = std::make_shared<HiddenStates>();
  const int64_t batch = states->batch = shape[0];
  const int64_t tokens = states->tokens = 1 + grid.area();
  const int64_t channels = config_.hidden_size;
  BEIT_ASSIGN(states->hidden, FloatBuffer::allocate(batch * tokens * channels, "hidden states"));
  if (has_pooler_) {
    BEIT_ASSIGN(states->pooled, FloatBuffer::allocate(batch * channels, "pooled states"));
  }
  auto scratch = std::make_shared<EncoderScratch>();
  BEIT_ASSIGN(*scratch, EncoderScratch::allocate(encoderSpec(config_), batch, tokens, execution_.threads()));

  const auto emitHiddenState = [=](ForwardPass& to, size_t index) -> Status {
    BEIT_TRY(on_hidden_state(to, index, *states));
    if (!options.output_hidden_states) return {};
    BEIT_ASSIGN(Tensor copy, Tensor::allocate({batch, tokens, channels}, "hidden_states"));
    std::copy_n(states->hidden.data(), copy.values.size(), copy.values.data());
    to.output("hidden_states." + std::to_string(index), std::move(copy));
    return {};
  };

  pass.add([this, inputs = std::move(inputs), states, grid, emitHiddenState](ForwardPass& to) -> Status {
    BEIT_TRY(embeddings_.run(execution_, *inputs, states->hidden.data()));
    encoder_.prepare(grid);
    return emitHiddenState(to, 0);
  });
  for (size_t i = 0; i < last_layer; ++i) {
    pass.add([=, this](ForwardPass& to) -> Status {
      Tensor probabilities;
      if (options.output_attentions) {
        BEIT_ASSIGN(probabilities,
                    Tensor::allocate({batch, config_.num_attention_heads, tokens, tokens}, "attentions"));
      }
      // Another pass of this model, with other sizes, may have run since the last step.
      encoder_.prepare(grid);
      BEIT_TRY(encoder_.runLayer(i, execution_, batch, tokens, *scratch, states->hidden.data(),
                                 probabilities.values.data()));
      if (options.output_attentions) to.output("attentions." + std::to_string(i), std::move(probabilities));
      return emitHiddenState(to, i + 1);
    });
  }
  return states;
}

Status VisionTransformer::normAndPool(HiddenStates& states) const {
  const int64_t channels = config_.hidden_size, patches = states.tokens - 1;
  // sequence_output = self.layernorm(sequence_output), an identity with mean pooling
  if (has_norm_)
    layernorm_.run(execution_, states.batch * states.tokens, states.hidden.data(), states.hidden.data());
  if (!has_pooler_) return {};
  for (int64_t b = 0; b < states.batch; ++b) {
    const float* sequence = states.hidden.data() + b * states.tokens * channels;
    float* pooled = states.pooled.data() + b * channels;
    if (!config_.use_mean_pooling) {  // pooled_output = hidden_states[:, 0]
      std::copy_n(sequence, channels, pooled);
      continue;
    }
    // pooled_output = self.layernorm(hidden_states[:, 1:, :].mean(1))
    std::fill_n(pooled, channels, 0.0f);
    for (int64_t p = 1; p <= patches; ++p)
      for (int64_t c = 0; c < channels; ++c) pooled[c] += sequence[p * channels + c];
    for (int64_t c = 0; c < channels; ++c) pooled[c] /= static_cast<float>(patches);
  }
  if (config_.use_mean_pooling)
    pooler_layernorm_.run(execution_, states.batch, states.pooled.data(), states.pooled.data());
  return {};
}

int64_t VisionTransformer::heldBytes() const {
  return 4 * config_.num_channels * config_.image_size.area() + encoder_.biasBytes(config_.patchGrid());
}

int64_t VisionTransformer::layerBytes() const {
  const int64_t tokens = 1 + config_.patchGrid().area(), channels = config_.hidden_size, wide = config_.intermediate_size;
  const int threads = execution_.threads();
  return heldBytes() + 4 * (tokens * channels + (has_pooler_ ? channels : 0)) + EncoderScratch::bytes(encoderSpec(config_), 1, tokens, threads) +
         std::max(formatOf(type_).rowBytes(tokens, wide, channels, threads), formatOf(type_).rowBytes(tokens, channels, wide, threads));
}

int64_t VisionTransformer::activationBytes() const {
  // While patches are embedded no layer runs.
  const int64_t patches = config_.patchGrid().area(), channels = config_.hidden_size, wide = config_.intermediate_size;
  const int64_t pixels = config_.num_channels * config_.patch_size.area();
  const int threads = execution_.threads();
  const int64_t layers = std::max(formatOf(type_).rowBytes(1 + patches, wide, channels, threads),
                                  formatOf(type_).rowBytes(1 + patches, channels, wide, threads));
  const int64_t embedding = 4 * patches * pixels + formatOf(WeightType::kFloat32).rowBytes(patches, pixels, channels, threads);
  return layerBytes() + std::max<int64_t>(embedding - layers, 0);
}

BeitModel::BeitModel(BeitConfig config, const ModelOptions& options, const Execution& execution)
    : BeitPreTrainedModel(std::move(config), kClassName, execution),
      body_(parameters_, config_,
            options.add_pooling_layer ? VisionTransformer::Parts::kEncoderNormAndPooler : VisionTransformer::Parts::kEncoderAndNorm,
            options.dtype, execution_) {}

Status BeitModel::addSteps(ForwardPass& pass, std::shared_ptr<const ForwardInputs> inputs,
                           const ForwardOptions& options) {
  BEIT_ASSIGN(const auto states, body_.addSteps(pass, std::move(inputs), options));
  pass.add([this, states](ForwardPass& to) -> Status {
    const int64_t channels = config_.hidden_size;
    to.output("last_hidden_state", {{states->batch, states->tokens, channels}, std::move(states->hidden)});
    if (!states->pooled.empty()) to.output("pooler_output", {{states->batch, channels}, std::move(states->pooled)});
    return {};
  });
  return {};
}

}  // namespace beit
