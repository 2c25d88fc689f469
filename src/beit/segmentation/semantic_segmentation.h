// The model with a feature pyramid and segmentation heads. Reference: BeitForSemanticSegmentation.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "src/beit/beit_model.h"
#include "src/beit/segmentation/fcn_head.h"
#include "src/beit/segmentation/uper_head.h"
#include "src/model/model.h"

namespace beit {

class BeitForSemanticSegmentation : public BeitPreTrainedModel {
 public:
  static constexpr std::string_view kClassName = "BeitForSemanticSegmentation";
  // Errors: kBadConfig unless out_indices are four different layers.
  static Result<std::unique_ptr<Model>> create(BeitConfig config, const ModelOptions& options, const Execution& execution);

 protected:
  // Puts out logits (B, L, 4h, 4w) for a patch grid of h x w and, with labels (B, height, width) of
  // any size, loss (1): the auxiliary head's included, where the model has one.
  Status addSteps(ForwardPass& pass, std::shared_ptr<const ForwardInputs> inputs, const ForwardOptions& options) override;

 private:
  struct Progress;

  BeitForSemanticSegmentation(BeitConfig config, const ModelOptions& options, const Execution& execution);
  void addHeadSteps(ForwardPass& pass, std::shared_ptr<Progress> progress, int64_t image) const;

  std::vector<size_t> taps_;  // hidden states that feed the pyramid, rising
  VisionTransformer body_;
  UperHead decode_head_;
  std::unique_ptr<FcnHead> auxiliary_head_;
};

}  // namespace beit
