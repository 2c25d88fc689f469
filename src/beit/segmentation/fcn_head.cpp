#include "src/beit/segmentation/fcn_head.h"

namespace beit {

void FcnHead::declare(const Execution& execution, ParameterList& parameters, const BeitConfig& config) {
  using Kind = ConvModule::Kind;
  const std::string prefix = "auxiliary_head.";
  const int64_t inputs = config.hidden_size, channels = config.auxiliary_channels;
  for (int64_t i = 0; i < config.auxiliary_num_convs; ++i) {
    convs_.push_back(std::make_unique<ConvModule>());
    convs_.back()->declare(execution, parameters, prefix + "convs." + std::to_string(i), {i == 0 ? inputs : channels}, channels, 3,
                           Kind::kNormalizedRelu);
  }
  const int64_t last = convs_.empty() ? inputs : channels;
  if (config.auxiliary_concat_input) {
    conv_cat_ = std::make_unique<ConvModule>();
    conv_cat_->declare(execution, parameters, prefix + "conv_cat", {inputs, last}, channels, 3, Kind::kNormalizedRelu);
  }
  classifier_.declare(execution, parameters, prefix + "classifier", {conv_cat_ ? channels : last}, config.num_labels, 1, Kind::kPlain);
}

Result<FeatureMap> FcnHead::run(const Execution& execution, const FeatureMap& features) const {
  FeatureMap owned;
  const FeatureMap* current = &features;
  for (const auto& conv : convs_) {
    BEIT_ASSIGN(FeatureMap next, FeatureMap::allocate(execution.workspace(), features.size, conv->outputs(), "auxiliary features"));
    BEIT_TRY(conv->run(execution, 0, *current, next));
    owned = std::move(next);
    current = &owned;
  }
  if (conv_cat_) {  // conv_cat(cat([hidden_states, output]))
    BEIT_ASSIGN(FeatureMap next, FeatureMap::allocate(execution.workspace(), features.size, conv_cat_->outputs(), "auxiliary features"));
    BEIT_TRY(conv_cat_->run(execution, 0, features, next));
    BEIT_TRY(conv_cat_->run(execution, 1, *current, next));
    owned = std::move(next);
    current = &owned;
  }
  BEIT_ASSIGN(FeatureMap logits, FeatureMap::allocate(execution.workspace(), features.size, classifier_.outputs(), "auxiliary logits"));
  BEIT_TRY(classifier_.run(execution, 0, *current, logits));
  return logits;
}

}  // namespace beit
