#include "src/beit/masked_image_modeling.h"

#include "src/beit/losses.h"

namespace beit {

BeitForMaskedImageModeling::BeitForMaskedImageModeling(BeitConfig config, WeightType dtype, const Execution& execution)
    : BeitPreTrainedModel(std::move(config), kClassName, execution),
      body_(parameters_, config_, VisionTransformer::Parts::kEncoderAndNorm, dtype, execution_) {
  layernorm_.declare(parameters_, "layernorm", config_.hidden_size, config_.layer_norm_eps);
  lm_head_.declare(execution_, parameters_, "lm_head", config_.hidden_size, config_.vocab_size, /*has_bias=*/true);
}

Status BeitForMaskedImageModeling::addSteps(ForwardPass& pass, std::shared_ptr<const ForwardInputs> inputs, const ForwardOptions& options) {
  if (inputs->labels) BEIT_TRY(checkMaskedLabels(*inputs, config_));
  BEIT_ASSIGN(const auto states, body_.addSteps(pass, inputs, options));
  auto logits = std::make_shared<Tensor>();
  for (int64_t b = 0; b < states->batch; ++b) {
    pass.add([=, this](ForwardPass& to) -> Status {
      const int64_t tokens = states->tokens, patches = tokens - 1, channels = config_.hidden_size;
      if (b == 0) {
        BEIT_ASSIGN(*logits, execution_.workspace().tensor({states->batch, patches, config_.vocab_size}, "logits"));
      }
      // prediction_scores = self.lm_head(self.layernorm(sequence_output)[:, 1:])
      float* hidden = states->hidden.data() + b * tokens * channels;
      layernorm_.run(execution_, tokens, hidden, hidden);
      BEIT_TRY(lm_head_.run(execution_, patches, hidden + channels, logits->values.data() + b * patches * config_.vocab_size));
      if (b + 1 < states->batch) return {};
      if (inputs->labels) {
        BEIT_ASSIGN(Tensor loss, execution_.workspace().tensor({1}, "loss"));
        loss.values.data()[0] = maskedLoss(*logits, *inputs, config_);
        to.output("loss", std::move(loss));
      }
      to.output("logits", std::move(*logits));
      return {};
    });
  }
  return {};
}

}  // namespace beit
