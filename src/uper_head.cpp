#include "src/uper_head.h"

namespace beit {

namespace {

constexpr size_t kTop = FeaturePyramid::kLevels - 1;

}  // namespace

void UperHead::declare(ParameterList& parameters, const BeitConfig& config) {
  using Kind = ConvModule::Kind;
  const int64_t channels = config.hidden_size;
  const std::string prefix = "decode_head.";
  pool_scales_ = config.pool_scales;
  std::vector<int64_t> parts{channels};
  for (size_t i = 0; i < pool_scales_.size(); ++i) {
    psp_modules_.push_back(std::make_unique<ConvModule>());
    psp_modules_.back()->declare(parameters, prefix + "psp_modules." + std::to_string(i) + ".1", {channels}, channels, 1,
                                 Kind::kNormalizedRelu);
    parts.push_back(channels);
  }
  bottleneck_.declare(parameters, prefix + "bottleneck", parts, channels, 3, Kind::kNormalizedRelu);
  for (size_t i = 0; i < kTop; ++i) {
    const std::string level = std::to_string(i);
    lateral_convs_[i].declare(parameters, prefix + "lateral_convs." + level, {channels}, channels, 1, Kind::kNormalizedRelu);
    fpn_convs_[i].declare(parameters, prefix + "fpn_convs." + level, {channels}, channels, 3, Kind::kNormalizedRelu);
  }
  fpn_bottleneck_.declare(parameters, prefix + "fpn_bottleneck", std::vector<int64_t>(FeaturePyramid::kLevels, channels),
                          channels, 3, Kind::kNormalizedRelu);
  classifier_.declare(parameters, prefix + "classifier", {channels}, config.num_labels, 1, Kind::kPlain);
}

void UperHead::addSteps(ForwardPass& pass, const ThreadPool& pool, std::shared_ptr<State> state) const {
  pass.add([this, &pool, state](ForwardPass&) { return poolPyramid(pool, *state); });
  pass.add([this, &pool, state](ForwardPass&) { return mergeTopDown(pool, *state); });
  for (size_t level = 0; level < kTop; ++level)
    pass.add([=, this, &pool](ForwardPass&) { return refine(pool, *state, level); });
  for (size_t level = 0; level <= kTop; ++level)
    pass.add([=, this, &pool](ForwardPass&) { return fuse(pool, *state, level); });
  pass.add([this, &pool, state](ForwardPass&) { return classify(pool, *state); });
}

// laterals[3] = bottleneck(cat([x, up(psp(x)) …]))
Status UperHead::poolPyramid(const ThreadPool& pool, State& state) const {
  FeatureMap& top = state.levels[kTop];
  BEIT_ASSIGN(FeatureMap output, FeatureMap::allocate(top.size, top.channels, "the pyramid's top"));
  BEIT_TRY(bottleneck_.run(pool, 0, top, output));
  for (size_t i = 0; i < psp_modules_.size(); ++i) {
    const Size scale{pool_scales_[i], pool_scales_[i]};
    BEIT_ASSIGN(FeatureMap pooled, FeatureMap::allocate(scale, top.channels, "pooled features"));
    BEIT_ASSIGN(FeatureMap mixed, FeatureMap::allocate(scale, top.channels, "pooled features"));
    BEIT_ASSIGN(FeatureMap resized, FeatureMap::allocate(top.size, top.channels, "pooled features"));
    adaptiveAveragePool(top, pooled);
    BEIT_TRY(psp_modules_[i]->run(pool, 0, pooled, mixed));
    resizeBilinear(pool, mixed, resized, Store::kReplace);
    BEIT_TRY(bottleneck_.run(pool, i + 1, resized, output));
  }
  top = std::move(output);
  return {};
}

// laterals[i] = lateral_convs[i](x[i]), then from the top down laterals[i - 1] += up(laterals[i])
Status UperHead::mergeTopDown(const ThreadPool& pool, State& state) const {
  for (size_t i = kTop; i-- > 0;) {
    FeatureMap& level = state.levels[i];
    BEIT_ASSIGN(FeatureMap lateral, FeatureMap::allocate(level.size, level.channels, "lateral features"));
    BEIT_TRY(lateral_convs_[i].run(pool, 0, level, lateral));
    resizeBilinear(pool, state.levels[i + 1], lateral, Store::kAdd);
    level = std::move(lateral);
  }
  return {};
}

// fpn_outs[i] = fpn_convs[i](laterals[i])
Status UperHead::refine(const ThreadPool& pool, State& state, size_t index) const {
  FeatureMap& level = state.levels[index];
  BEIT_ASSIGN(FeatureMap refined, FeatureMap::allocate(level.size, level.channels, "pyramid features"));
  BEIT_TRY(fpn_convs_[index].run(pool, 0, level, refined));
  level = std::move(refined);
  return {};
}

// fused = fpn_bottleneck(cat([fpn_outs[0], up(fpn_outs[1]), …])), a level at a time
Status UperHead::fuse(const ThreadPool& pool, State& state, size_t index) const {
  FeatureMap level = std::move(state.levels[index]);
  if (index == 0) {
    BEIT_ASSIGN(state.fused, FeatureMap::allocate(level.size, level.channels, "fused features"));
  } else if (level.size != state.fused.size) {
    BEIT_ASSIGN(FeatureMap resized, FeatureMap::allocate(state.fused.size, level.channels, "pyramid features"));
    resizeBilinear(pool, level, resized, Store::kReplace);
    level = std::move(resized);
  }
  return fpn_bottleneck_.run(pool, index, level, state.fused);
}

Status UperHead::classify(const ThreadPool& pool, State& state) const {
  BEIT_ASSIGN(state.logits, FeatureMap::allocate(state.fused.size, classifier_.outputs(), "logits"));
  BEIT_TRY(classifier_.run(pool, 0, state.fused, state.logits));
  state.fused = {};
  return {};
}

}  // namespace beit
