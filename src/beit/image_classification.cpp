#include "src/beit/image_classification.h"

#include "src/beit/losses.h"

namespace beit {

BeitForImageClassification::BeitForImageClassification(BeitConfig config, WeightType dtype, const Execution& execution)
    : BeitPreTrainedModel(std::move(config), kClassName, execution),
      body_(parameters_, config_, VisionTransformer::Parts::kEncoderNormAndPooler, dtype, execution_) {
  if (config_.num_labels > 0)
    classifier_.declare(execution_, parameters_, "classifier", config_.hidden_size, config_.num_labels, /*has_bias=*/true);
}

Status BeitForImageClassification::addSteps(ForwardPass& pass, std::shared_ptr<const ForwardInputs> inputs, const ForwardOptions& options) {
  const int64_t labels = config_.num_labels;
  if (inputs->labels)
    BEIT_TRY(checkClassificationLabels(*inputs->labels, config_, inputs->pixel_values.shape.empty() ? 0 : inputs->pixel_values.shape[0]));
  BEIT_ASSIGN(const auto states, body_.addSteps(pass, inputs, options));
  pass.add([this, states, inputs, labels](ForwardPass& to) -> Status {
    Tensor logits;
    if (labels == 0) {
      logits = {{states->batch, config_.hidden_size}, std::move(states->pooled)};
    } else {
      BEIT_ASSIGN(logits, execution_.workspace().tensor({states->batch, labels}, "logits"));
      BEIT_TRY(classifier_.run(execution_, states->batch, states->pooled.data(), logits.values.data()));
    }
    if (inputs->labels) {
      BEIT_ASSIGN(Tensor loss, execution_.workspace().tensor({1}, "loss"));
      loss.values.data()[0] = classificationLoss(logits, *inputs->labels, config_);
      to.output("loss", std::move(loss));
    }
    to.output("logits", std::move(logits));
    return {};
  });
  return {};
}

}  // namespace beit
