// The bare model: embeddings, encoder, final norm, pooler. Reference: BeitModel, BeitPooler.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "src/beit/embeddings.h"
#include "src/beit/model_options.h"
#include "src/layers/layer_norm.h"
#include "src/layers/transformer/encoder.h"
#include "src/model/model.h"

namespace beit {

// mean (C) = the mean of rows 1 to T - 1 of an image's states (T, C): what the pooler of the reference takes of it.
void meanOfPatches(const float* states, int64_t tokens, int64_t channels, float* mean);

// The part that all classes share; its parameters have the prefix "beit.".
class VisionTransformer {
 public:
  // What of the body behind the encoder a class has.
  enum class Parts { kEncoder, kEncoderAndNorm, kEncoderNormAndPooler };

  // Adds the parameters. `config` and `execution` must outlive the object.
  VisionTransformer(ParameterList& parameters, const BeitConfig& config, Parts parts, WeightType type, const Execution& execution);

  // Returns an error when the inputs do not fit the config (see Embeddings::check).
  Status check(const ForwardInputs& inputs) const { return embeddings_.check(inputs); }

  // What the pass leaves for a head's steps.
  struct HiddenStates {
    int64_t batch = 0, tokens = 0;
    FloatBuffer hidden;  // (B, T, C): the embeddings, then each layer's output, then the final norm's
    FloatBuffer pooled;  // (B, C), or empty without a pooler
  };

  // Reads hidden state `index` (0: the embeddings, i: layer i's output) while it is in `states`.
  using OnHiddenState = std::function<Status(ForwardPass& pass, size_t index, const HiddenStates& states)>;

  // Adds the steps from pixels to the final states: embeddings, layers, norm and pooler. A layer is one step, or one for each of its
  // parts and for some images at a time, so that no step of base at 224 pixels has more than some 35 ms to do.
  // hidden_states.N, attentions.N and pooled_states are put out where the options ask for them.
  Result<std::shared_ptr<HiddenStates>> addSteps(ForwardPass& pass, std::shared_ptr<const ForwardInputs> inputs,
                                                 const ForwardOptions& options);

  // The same, with `on_hidden_state` after the embeddings and after each layer; layers behind `last_layer` do
  // not run unless the options ask for their outputs, nor do norm and pooler.
  Result<std::shared_ptr<HiddenStates>> addSteps(ForwardPass& pass, std::shared_ptr<const ForwardInputs> inputs,
                                                 const ForwardOptions& options, size_t last_layer, OnHiddenState on_hidden_state);

 private:
  Status normAndPool(HiddenStates& states) const;
  // Fills row `index` of each image of pooled_states (B, layers + 1, C).
  void pool(const HiddenStates& states, size_t index, Tensor& pooled) const;

  const BeitConfig& config_;
  const Execution& execution_;
  const bool has_norm_, has_pooler_;
  Embeddings embeddings_;
  Encoder encoder_;
  LayerNorm layernorm_;         // after the encoder, where use_mean_pooling is false
  LayerNorm pooler_layernorm_;  // over the mean, where it is true
};

// What the classes of the BEiT family have in common. Reference: BeitPreTrainedModel.
class BeitPreTrainedModel : public Model {
 public:
  const BeitConfig& config() const { return config_; }

 protected:
  BeitPreTrainedModel(BeitConfig config, std::string_view class_name, const Execution& execution)
      : Model(class_name, execution), config_(std::move(config)) {}

  Result<ForwardInputs> typicalInputs() const override;

  const BeitConfig config_;
};

class BeitModel : public BeitPreTrainedModel {
 public:
  static constexpr std::string_view kClassName = "BeitModel";
  BeitModel(BeitConfig config, const ModelOptions& options, const Execution& execution);

 protected:
  // Puts out last_hidden_state (B, T, C) and, with a pooler, pooler_output (B, C).
  Status addSteps(ForwardPass& pass, std::shared_ptr<const ForwardInputs> inputs, const ForwardOptions& options) override;

 private:
  VisionTransformer body_;
};

}  // namespace beit
