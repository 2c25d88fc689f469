// The model with a classifier over the pooled states. Reference: BeitForImageClassification.
#pragma once

#include <memory>
#include <string_view>

#include "src/beit/beit_model.h"
#include "src/layers/linear.h"
#include "src/model/model.h"

namespace beit {

class BeitForImageClassification : public BeitPreTrainedModel {
 public:
  static constexpr std::string_view kClassName = "BeitForImageClassification";
  BeitForImageClassification(BeitConfig config, WeightType dtype, const Execution& execution);

 protected:
  // Puts out logits (B, L), or the pooled states (B, C) where num_labels is 0, and, with labels,
  // loss (1).
  Status addSteps(ForwardPass& pass, std::shared_ptr<const ForwardInputs> inputs, const ForwardOptions& options) override;

 private:
  VisionTransformer body_;
  Linear classifier_;
};

}  // namespace beit
