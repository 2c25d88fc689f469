#include "src/beit/backbone.h"

#include <algorithm>

#include "src/base/order.h"

namespace beit {

namespace {

std::vector<size_t> stagesOf(const BeitConfig& config) {
  std::vector<size_t> stages(config.out_indices.begin(), config.out_indices.end());
  sortNumbers(stages);
  stages.erase(std::unique(stages.begin(), stages.end()), stages.end());
  if (stages.empty()) stages.push_back(static_cast<size_t>(config.num_hidden_layers));
  return stages;
}

}  // namespace

Result<std::unique_ptr<Model>> BeitBackbone::create(BeitConfig config, WeightType dtype, const Execution& execution) {
  if (config.add_fpn && stagesOf(config).size() != FeaturePyramid::kLevels)
    return mismatch(ErrorCode::kBadConfig, "out_indices", toString(Shape(config.out_indices)),
                    "four different stages, since add_fpn is set");
  if (config.add_fpn && !config.reshape_hidden_states)
    return mismatch(ErrorCode::kBadConfig, "reshape_hidden_states", "false", "true, since add_fpn is set");
  return std::unique_ptr<Model>(new BeitBackbone(std::move(config), dtype, execution));
}

BeitBackbone::BeitBackbone(BeitConfig config, WeightType dtype, const Execution& execution)
    : BeitPreTrainedModel(std::move(config), kClassName, execution),
      stages_(stagesOf(config_)),
      body_(parameters_, config_, VisionTransformer::Parts::kEncoder, dtype, execution_) {
  if (config_.add_fpn) pyramid_.declare(execution_, parameters_, config_.hidden_size);
}

Status BeitBackbone::addSteps(ForwardPass& pass, std::shared_ptr<const ForwardInputs> inputs, const ForwardOptions& options) {
  BEIT_TRY(body_.check(*inputs));
  const Shape& shape = inputs->pixel_values.shape;
  const Size grid = config_.patchGrid({shape[2], shape[3]});
  if (config_.add_fpn && (grid.height < 2 || grid.width < 2))
    return mismatch(ErrorCode::kWrongShape, "pixel_values", toString(shape), "at least two patches each way");
  const auto keepStage = [this, grid](ForwardPass& to, size_t index, const VisionTransformer::HiddenStates& states) -> Status {
    const auto found = std::find(stages_.begin(), stages_.end(), index);
    if (found == stages_.end()) return {};
    const auto level = static_cast<size_t>(found - stages_.begin());
    BEIT_ASSIGN(Tensor map, featureMap(level, states, grid));
    to.output("feature_maps." + std::to_string(level), std::move(map));
    return {};
  };
  BEIT_ASSIGN(const auto states, body_.addSteps(pass, std::move(inputs), options, stages_.back(), keepStage));
  return {};
}

Result<Tensor> BeitBackbone::featureMap(size_t level, const VisionTransformer::HiddenStates& states, Size grid) const {
  const int64_t channels = config_.hidden_size;
  if (!config_.reshape_hidden_states) {
    BEIT_ASSIGN(Tensor tokens, execution_.workspace().tensor({states.batch, states.tokens, channels}, "feature_maps"));
    execution_.compute([&] { std::copy_n(states.hidden.data(), tokens.values.size(), tokens.values.data()); });
    return tokens;
  }
  Tensor maps;
  for (int64_t b = 0; b < states.batch; ++b) {
    BEIT_ASSIGN(FeatureMap map, FeatureMap::allocate(execution_.workspace(), grid, channels, "feature_maps"));
    execution_.compute([&] { std::copy_n(states.hidden.data() + (b * states.tokens + 1) * channels, map.count(), map.data()); });
    if (config_.add_fpn) {
      BEIT_ASSIGN(map, pyramid_.run(execution_, level, std::move(map)));
    }
    if (b == 0) {
      BEIT_ASSIGN(maps, execution_.workspace().tensor({states.batch, channels, map.size.height, map.size.width}, "feature_maps"));
    }
    hwcToChw(execution_, map, maps.values.data() + b * map.count());
  }
  return maps;
}

}  // namespace beit
