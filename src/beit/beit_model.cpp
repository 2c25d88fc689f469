#include "src/beit/beit_model.h"

#include <algorithm>

#include "src/kernels/simd.h"

namespace beit {

BeitBody::BeitBody(ParameterList& parameters, const BeitConfig& config, Parts parts, WeightType type,
                   const ThreadPool& pool)
    : config_(config),
      pool_(pool),
      has_norm_(parts != Parts::kEncoder && !config.use_mean_pooling),
      has_pooler_(parts == Parts::kEncoderNormAndPooler),
      type_(type) {
  embeddings_.declare(parameters, "beit.embeddings", config);
  encoder_.declare(parameters, "beit.encoder", config, type);
  if (has_norm_)
    layernorm_.declare(parameters, "beit.layernorm", config.hidden_size, config.layer_norm_eps);
  else if (has_pooler_)
    pooler_layernorm_.declare(parameters, "beit.pooler.layernorm", config.hidden_size, config.layer_norm_eps);
}

Result<std::shared_ptr<BeitBody::States>> BeitBody::addSteps(ForwardPass& pass,
                                                             std::shared_ptr<const ForwardInputs> inputs,
                                                             const ForwardOptions& options) {
  BEIT_ASSIGN(auto states, addSteps(pass, std::move(inputs), options, encoder_.layers(),
                                    [](ForwardPass&, size_t, const States&) { return Status(); }));
  pass.add([this, states](ForwardPass&) { return finish(*states); });
  return states;
}

Result<std::shared_ptr<BeitBody::States>> BeitBody::addSteps(ForwardPass& pass,
                                                             std::shared_ptr<const ForwardInputs> inputs,
                                                             const ForwardOptions& options, size_t last_layer,
                                                             Visit visit) {
  if (options.output_hidden_states || options.output_attentions) last_layer = encoder_.layers();
  BEIT_TRY(embeddings_.check(*inputs));
  const Shape& shape = inputs->pixel_values.shape;
  const Size window = config_.window({shape[2], shape[3]});
  auto states = std::make_shared<States>();
  const int64_t batch = states->batch = shape[0];
  const int64_t tokens = states->tokens = 1 + window.area();
  const int64_t channels = config_.hidden_size;
  BEIT_ASSIGN(states->hidden, FloatBuffer::allocate(batch * tokens * channels, "hidden states"));
  if (has_pooler_) {
    BEIT_ASSIGN(states->pooled, FloatBuffer::allocate(batch * channels, "pooled states"));
  }
  auto scratch = std::make_shared<EncoderScratch>();
  BEIT_ASSIGN(*scratch, EncoderScratch::allocate(config_, batch, tokens, pool_.threads()));

  const auto leaveHiddenState = [=](ForwardPass& to, size_t index) -> Status {
    BEIT_TRY(visit(to, index, *states));
    if (!options.output_hidden_states) return {};
    BEIT_ASSIGN(Tensor copy, Tensor::allocate({batch, tokens, channels}, "hidden_states"));
    std::copy_n(states->hidden.data(), copy.values.size(), copy.values.data());
    to.output("hidden_states." + std::to_string(index), std::move(copy));
    return {};
  };

  pass.add([this, inputs = std::move(inputs), states, window, leaveHiddenState](ForwardPass& to) -> Status {
    BEIT_TRY(embeddings_.run(pool_, *inputs, states->hidden.data()));
    encoder_.prepare(window);
    return leaveHiddenState(to, 0);
  });
  for (size_t i = 0; i < last_layer; ++i) {
    pass.add([=, this](ForwardPass& to) -> Status {
      Tensor probabilities;
      if (options.output_attentions) {
        BEIT_ASSIGN(probabilities,
                    Tensor::allocate({batch, config_.num_attention_heads, tokens, tokens}, "attentions"));
      }
      // Another pass of this model, with other sizes, may have run since the last step.
      encoder_.prepare(window);
      BEIT_TRY(encoder_.runLayer(i, pool_, batch, tokens, *scratch, states->hidden.data(),
                                 probabilities.values.data()));
      if (options.output_attentions) to.output("attentions." + std::to_string(i), std::move(probabilities));
      return leaveHiddenState(to, i + 1);
    });
  }
  return states;
}

Status BeitBody::finish(States& states) const {
  const int64_t channels = config_.hidden_size, patches = states.tokens - 1;
  // sequence_output = self.layernorm(sequence_output), an identity with mean pooling
  if (has_norm_)
    layernorm_.run(pool_, states.batch * states.tokens, states.hidden.data(), states.hidden.data());
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
    pooler_layernorm_.run(pool_, states.batch, states.pooled.data(), states.pooled.data());
  return {};
}

int64_t BeitBody::heldBytes() const {
  return 4 * config_.num_channels * config_.image_size.area() + encoder_.biasBytes(config_.window());
}

int64_t BeitBody::layerBytes() const {
  const int64_t tokens = 1 + config_.window().area(), channels = config_.hidden_size, wide = config_.intermediate_size;
  const int threads = pool_.threads();
  return heldBytes() + 4 * (tokens * channels + (has_pooler_ ? channels : 0)) + EncoderScratch::bytes(config_, 1, tokens, threads) +
         std::max(LinearInput::bytes(type_, tokens, wide, channels, threads), LinearInput::bytes(type_, tokens, channels, wide, threads));
}

int64_t BeitBody::activationBytes() const {
  // While patches are embedded no layer runs.
  const int64_t patches = config_.window().area(), channels = config_.hidden_size, wide = config_.intermediate_size;
  const int64_t pixels = config_.num_channels * config_.patch_size.area();
  const int threads = pool_.threads();
  const int64_t layers = std::max(LinearInput::bytes(type_, 1 + patches, wide, channels, threads),
                                  LinearInput::bytes(type_, 1 + patches, channels, wide, threads));
  const int64_t embedding = 4 * patches * pixels + LinearInput::bytes(WeightType::kFloat32, patches, pixels, channels, threads);
  return layerBytes() + std::max<int64_t>(embedding - layers, 0);
}

BeitModel::BeitModel(BeitConfig config, const ModelOptions& options, const ThreadPool& pool)
    : BeitPreTrainedModel(std::move(config), kClassName, pool),
      body_(parameters_, config_,
            options.add_pooling_layer ? BeitBody::Parts::kEncoderNormAndPooler : BeitBody::Parts::kEncoderAndNorm,
            options.dtype, pool_) {}

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
