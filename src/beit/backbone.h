// The encoder's feature maps for other models' heads. Reference: BeitBackbone.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "src/beit/beit_model.h"
#include "src/beit/feature_pyramid.h"
#include "src/model/model.h"

namespace beit {

class BeitBackbone : public BeitPreTrainedModel {
 public:
  static constexpr std::string_view kClassName = "BeitBackbone";
  // Errors: kBadConfig where add_fpn is set and out_indices are not four.
  static Result<std::unique_ptr<Model>> create(BeitConfig config, WeightType dtype, const Execution& execution);

 protected:
  // Puts out feature_maps.0 … in the order of the stages: (B, C, h, w), or (B, T, C) without
  // reshape_hidden_states; with add_fpn at 4, 2, 1 and 1/2 times the patch grid.
  Status addSteps(ForwardPass& pass, std::shared_ptr<const ForwardInputs> inputs, const ForwardOptions& options) override;

 private:
  BeitBackbone(BeitConfig config, WeightType dtype, const Execution& execution);
  Result<Tensor> featureMap(size_t level, const VisionTransformer::HiddenStates& states, Size grid) const;

  std::vector<size_t> stages_;  // rising; the last layer where the config names none
  VisionTransformer body_;
  FeaturePyramid pyramid_;  // with add_fpn
};

}  // namespace beit
