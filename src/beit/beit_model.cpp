#include "src/beit/beit_model.h"

#include <algorithm>

#include "src/beit/specs.h"
#include "src/kernels/simd.h"

namespace beit {

namespace {

// Images that a step has at once.
struct Images {
  int64_t first, count;
};

// How a pass is cut: into images that go through a layer together, and that layer into its parts.
struct Cut {
  std::vector<Images> groups;
  int64_t largest;  // of the groups' counts
  bool parts;       // whether each part of a layer is a step, or all together
};

// `most` products are a step's.
Cut cutOf(const EncoderSpec& spec, int64_t batch, int64_t tokens, int64_t most) {
  const int64_t channels = spec.attention.hidden;
  const int64_t part = tokens * channels * spec.intermediate;  // of one image; the attention's has about as many
  const int64_t layer = 2 * part + 2 * tokens * channels * (2 * channels + tokens);
  const int64_t steps = batch == 0 ? 0 : (batch - 1) / std::max<int64_t>(most / part, 1) + 1;
  Cut cut{{}, 0, false};
  for (int64_t i = 0; i < steps; ++i) {
    const int64_t first = batch * i / steps;
    cut.groups.push_back({first, batch * (i + 1) / steps - first});
    cut.largest = std::max(cut.largest, cut.groups.back().count);
  }
  cut.parts = layer * cut.largest > most;
  return cut;
}

}  // namespace

void meanOfPatches(const float* states, int64_t tokens, int64_t channels, float* mean) {
  std::fill_n(mean, channels, 0.0f);
  for (int64_t p = 1; p < tokens; ++p)
    for (int64_t c = 0; c < channels; ++c) mean[c] += states[p * channels + c];
  for (int64_t c = 0; c < channels; ++c) mean[c] /= static_cast<float>(tokens - 1);
}

VisionTransformer::VisionTransformer(ParameterList& parameters, const BeitConfig& config, Parts parts, WeightType type,
                                     const Execution& execution)
    : config_(config),
      execution_(execution),
      has_norm_(parts != Parts::kEncoder && !config.use_mean_pooling),
      has_pooler_(parts == Parts::kEncoderNormAndPooler) {
  embeddings_.declare(execution, parameters, "beit.embeddings", config);
  encoder_.declare(execution, parameters, "beit.encoder", encoderSpec(config), type);
  if (has_norm_) layernorm_.declare(parameters, "beit.layernorm", config.hidden_size, config.layer_norm_eps);
  else if (has_pooler_) pooler_layernorm_.declare(parameters, "beit.pooler.layernorm", config.hidden_size, config.layer_norm_eps);
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
  if (options.output_hidden_states || options.output_attentions || options.output_pooled_states) last_layer = encoder_.layers();
  BEIT_TRY(embeddings_.check(*inputs));
  const Shape& shape = inputs->pixel_values.shape;
  const Size grid = config_.patchGrid({shape[2], shape[3]});
  auto states = std::make_shared<HiddenStates>();
  const int64_t batch = states->batch = shape[0];
  const int64_t tokens = states->tokens = 1 + grid.area();
  const int64_t channels = config_.hidden_size;
  BEIT_ASSIGN(states->hidden, execution_.workspace().floats(batch * tokens * channels, "hidden states"));
  if (has_pooler_) {
    BEIT_ASSIGN(states->pooled, execution_.workspace().floats(batch * channels, "pooled states"));
  }
  const EncoderSpec spec = encoderSpec(config_);
  const Cut cut = cutOf(spec, batch, tokens, options.step_products * execution_.threads());
  auto scratch = std::make_shared<EncoderScratch>();
  BEIT_ASSIGN(*scratch, EncoderScratch::allocate(execution_, spec, cut.largest, tokens));

  auto pooled_states = std::make_shared<Tensor>();
  if (options.output_pooled_states) {
    BEIT_ASSIGN(*pooled_states, execution_.workspace().tensor({batch, static_cast<int64_t>(last_layer) + 1, channels}, "pooled_states"));
  }

  const auto emitHiddenState = [=, this](ForwardPass& to, size_t index) -> Status {
    BEIT_TRY(on_hidden_state(to, index, *states));
    if (options.output_pooled_states) {
      pool(*states, index, *pooled_states);
      if (index == last_layer) to.output("pooled_states", std::move(*pooled_states));
    }
    if (!options.output_hidden_states) return {};
    BEIT_ASSIGN(Tensor copy, execution_.workspace().tensor({batch, tokens, channels}, "hidden_states"));
    std::copy_n(states->hidden.data(), copy.values.size(), copy.values.data());
    to.output("hidden_states." + std::to_string(index), std::move(copy));
    return {};
  };

  const auto areLast = [batch](const Images& images) { return images.first + images.count == batch; };
  for (const Images& images : cut.groups) {
    pass.add([=, this](ForwardPass& to) -> Status {
      BEIT_TRY(embeddings_.run(execution_, *inputs, images.first, images.count, states->hidden.data()));
      return areLast(images) ? emitHiddenState(to, 0) : Status();
    });
  }
  for (size_t i = 0; i < last_layer; ++i) {
    auto attentions = std::make_shared<Tensor>();
    const auto run = [=, this](ForwardPass& to, const Images& images, LayerPart part) -> Status {
      const int64_t pairs = config_.num_attention_heads * tokens * tokens;
      float* probabilities = nullptr;
      if (part == LayerPart::kAttention) {
        // Another pass of this model, with other sizes, may have run since the last step.
        encoder_.prepare(execution_, grid);
        if (options.output_attentions) {
          if (images.first == 0) {
            BEIT_ASSIGN(*attentions, execution_.workspace().tensor({batch, config_.num_attention_heads, tokens, tokens}, "attentions"));
          }
          probabilities = attentions->values.data() + images.first * pairs;
        }
      }
      float* hidden = states->hidden.data() + images.first * tokens * channels;
      BEIT_TRY(encoder_.runLayer(i, part, execution_, images.count, tokens, *scratch, hidden, probabilities));
      if (part != LayerPart::kOutput || !areLast(images)) return {};
      if (options.output_attentions) to.output("attentions." + std::to_string(i), std::move(*attentions));
      return emitHiddenState(to, i + 1);
    };
    for (const Images& images : cut.groups) {
      if (!cut.parts) {
        pass.add([=](ForwardPass& to) -> Status {
          for (const LayerPart part : kLayerParts) BEIT_TRY(run(to, images, part));
          return {};
        });
        continue;
      }
      for (const LayerPart part : kLayerParts) pass.add([=](ForwardPass& to) { return run(to, images, part); });
    }
  }
  return states;
}

Status VisionTransformer::normAndPool(HiddenStates& states) const {
  const int64_t channels = config_.hidden_size;
  // sequence_output = self.layernorm(sequence_output), an identity with mean pooling
  if (has_norm_) layernorm_.run(execution_, states.batch * states.tokens, states.hidden.data(), states.hidden.data());
  if (!has_pooler_) return {};
  execution_.parallelFor(static_cast<size_t>(states.batch), [&](size_t, size_t image) {
    const auto b = static_cast<int64_t>(image);
    const float* sequence = states.hidden.data() + b * states.tokens * channels;
    float* pooled = states.pooled.data() + b * channels;
    if (!config_.use_mean_pooling) {  // pooled_output = hidden_states[:, 0]
      std::copy_n(sequence, channels, pooled);
      return;
    }
    // pooled_output = self.layernorm(hidden_states[:, 1:, :].mean(1))
    meanOfPatches(sequence, states.tokens, channels, pooled);
  });
  if (config_.use_mean_pooling) pooler_layernorm_.run(execution_, states.batch, states.pooled.data(), states.pooled.data());
  return {};
}

void VisionTransformer::pool(const HiddenStates& states, size_t index, Tensor& pooled) const {
  const int64_t channels = config_.hidden_size, rows = pooled.shape[1];
  execution_.parallelFor(static_cast<size_t>(states.batch), [&](size_t, size_t image) {
    const auto b = static_cast<int64_t>(image);
    float* row = pooled.values.data() + (b * rows + static_cast<int64_t>(index)) * channels;
    meanOfPatches(states.hidden.data() + b * states.tokens * channels, states.tokens, channels, row);
  });
  for (int64_t b = 0; b < states.batch; ++b) {
    float* row = pooled.values.data() + (b * rows + static_cast<int64_t>(index)) * channels;
    normalize(execution_, 1, channels, static_cast<float>(config_.layer_norm_eps), nullptr, nullptr, row, row);
  }
}

Result<ForwardInputs> BeitPreTrainedModel::typicalInputs() const {
  ForwardInputs inputs;
  const Size size = config_.image_size;
  BEIT_ASSIGN(inputs.pixel_values, execution_.workspace().tensor({1, config_.num_channels, size.height, size.width}, "pixel_values"));
  return inputs;
}

BeitModel::BeitModel(BeitConfig config, const ModelOptions& options, const Execution& execution)
    : BeitPreTrainedModel(std::move(config), kClassName, execution),
      body_(parameters_, config_,
            options.add_pooling_layer ? VisionTransformer::Parts::kEncoderNormAndPooler : VisionTransformer::Parts::kEncoderAndNorm,
            options.dtype, execution_) {}

Status BeitModel::addSteps(ForwardPass& pass, std::shared_ptr<const ForwardInputs> inputs, const ForwardOptions& options) {
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
