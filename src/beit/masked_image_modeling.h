// The model with a head over visual tokens. Reference: BeitForMaskedImageModeling.
#pragma once

#include <memory>
#include <string_view>

#include "src/beit/beit_model.h"
#include "src/layers/layer_norm.h"
#include "src/layers/linear.h"
#include "src/model/model.h"

namespace beit {

class BeitForMaskedImageModeling : public BeitPreTrainedModel {
 public:
  static constexpr std::string_view kClassName = "BeitForMaskedImageModeling";
  BeitForMaskedImageModeling(BeitConfig config, WeightType dtype, const Execution& execution);

 protected:
  // Puts out logits (B, P, vocab_size) and, with labels (the ids of the masked patches, in order),
  // loss (1).
  Status addSteps(ForwardPass& pass, std::shared_ptr<const ForwardInputs> inputs, const ForwardOptions& options) override;

 private:
  VisionTransformer body_;
  LayerNorm layernorm_;
  Linear lm_head_;
};

}  // namespace beit
