#include "src/beit/segmentation/uper_head.h"

#include <algorithm>

#include "src/kernels/activation.h"
#include "src/kernels/bilinear_resize.h"

namespace beit {

namespace {

constexpr size_t kTop = UperHead::kLevels - 1;

// Returns the size of each level for tapped states of `grid`: 4, 2, 1 and 1/2 times.
Size sizeOf(size_t level, Size grid) {
  switch (level) {
    case 0: return {4 * grid.height, 4 * grid.width};
    case 1: return {2 * grid.height, 2 * grid.width};
    case 2: return grid;
    default: return {grid.height / 2, grid.width / 2};
  }
}

}  // namespace

void UperHead::declare(const Execution& execution, ParameterList& parameters, const BeitConfig& config, WeightType type) {
  using Kind = ConvModule::Kind;
  const int64_t channels = channels_ = config.hidden_size;
  const Size grid = config.patchGrid();
  const std::string prefix = "decode_head.";
  fpn1_first_.declare(execution, parameters, "fpn1.0", channels, /*norm_prefix=*/"fpn1.1", type);
  lateral_upsampling_[0].declareWithLateral(execution, parameters, "fpn1.3", channels, prefix + "lateral_convs.0", type);
  lateral_upsampling_[1].declareWithLateral(execution, parameters, "fpn2.0", channels, prefix + "lateral_convs.1", type);
  lateral_conv_.declare(execution, parameters, prefix + "lateral_convs.2", {channels}, channels, 1, Kind::kNormalizedRelu);
  pool_scales_ = config.pool_scales;
  for (size_t i = 0; i < pool_scales_.size(); ++i) {
    psp_modules_.push_back(std::make_unique<ConvModule>());
    psp_modules_.back()->declare(execution, parameters, prefix + "psp_modules." + std::to_string(i) + ".1", {channels}, channels, 1,
                                 Kind::kNormalizedRelu);
  }
  bottleneck_.declare(execution, parameters, prefix + "bottleneck", channels, channels, pool_scales_.size(), sizeOf(kTop, grid), type);
  for (size_t i = 0; i < kTop; ++i)
    fpn_convs_[i].declare(execution, parameters, prefix + "fpn_convs." + std::to_string(i), channels, channels, 0, sizeOf(i, grid), type);
  fpn_bottleneck_.declare(execution, parameters, prefix + "fpn_bottleneck", channels, channels, kTop, sizeOf(0, grid), type);
  classifier_.declareConvolution(execution, parameters, prefix + "classifier", {config.num_labels, channels, 1, 1});
}

void UperHead::addSteps(ForwardPass& pass, const Execution& execution, std::shared_ptr<State> state, Size grid) const {
  for (size_t level = 0; level <= kTop; ++level)
    pass.add([=, this, &execution](ForwardPass&) { return makeLevel(execution, *state, level); });
  for (size_t module = 0; module < psp_modules_.size(); ++module)
    pass.add([=, this, &execution](ForwardPass&) { return poolTop(execution, *state, module); });
  for (int64_t band = 0; band < bottleneck_.bands(sizeOf(kTop, grid).height); ++band)
    pass.add([=, this, &execution](ForwardPass&) { return mixTop(execution, *state, band); });
  for (size_t level = kTop; level-- > 0;) pass.add([=, this, &execution](ForwardPass&) { return mergeTopDown(execution, *state, level); });
  for (size_t level = 0; level < kTop; ++level)
    for (int64_t band = 0; band < fpn_convs_[level].bands(sizeOf(level, grid).height); ++band)
      pass.add([=, this, &execution](ForwardPass&) { return refine(execution, *state, level, band); });
  for (int64_t band = 0; band < fpn_bottleneck_.bands(sizeOf(0, grid).height); ++band)
    pass.add([=, this, &execution](ForwardPass&) { return fuse(execution, *state, band); });
}

// laterals[level] = lateral_convs[level](fpnN(features[level])); for the top only the neck's maximum of 2 x 2
Status UperHead::makeLevel(const Execution& execution, State& state, size_t index) const {
  FeatureMap& level = state.levels[index];
  if (index == 0) {  // fpn1: ConvTranspose → BatchNorm → GELU → ConvTranspose
    BEIT_ASSIGN(level, fpn1_first_.run(execution, level));
    applyActivation(execution, Activation::kGelu, level.data(), level.count());
  }
  if (index < lateral_upsampling_.size()) {
    BEIT_ASSIGN(level, lateral_upsampling_[index].run(execution, level));
    return {};
  }
  BEIT_ASSIGN(FeatureMap next, FeatureMap::allocate(execution.workspace(), sizeOf(index, level.size), level.channels, "a feature map"));
  if (index == kTop) maxPool2(execution, level, next);
  else BEIT_TRY(lateral_conv_.run(execution, 0, level, next));
  level = std::move(next);
  return {};
}

// psp(x) of one scale, a step of its own: scales may be many and large
Status UperHead::poolTop(const Execution& execution, State& state, size_t module) const {
  const FeatureMap& top = state.levels[kTop];
  const Size scale{pool_scales_[module], pool_scales_[module]};
  BEIT_ASSIGN(FeatureMap means, FeatureMap::allocate(execution.workspace(), scale, top.channels, "pooled features"));
  BEIT_ASSIGN(FeatureMap mixed, FeatureMap::allocate(execution.workspace(), scale, top.channels, "pooled features"));
  adaptiveAveragePool(execution, top, means);
  BEIT_TRY(psp_modules_[module]->run(execution, 0, means, mixed));
  state.pooled.push_back(std::move(mixed));
  return {};
}

// laterals[3] = bottleneck(cat([x, up(psp(x)) …])), a band of rows
Status UperHead::mixTop(const Execution& execution, State& state, int64_t band) const {
  FeatureMap& top = state.levels[kTop];
  if (band == 0) {
    BEIT_ASSIGN(state.top, FeatureMap::allocate(execution.workspace(), top.size, top.channels, "the pyramid's top"));
  }
  const auto [first, rows] = bottleneck_.bandRows(band, top.size.height);
  BEIT_TRY(bottleneck_.run(execution, band, top, state.pooled, state.kept, state.top.data() + first * top.size.width * top.channels));
  if (first + rows == top.size.height) {
    top = std::move(state.top);
    state.pooled.clear();
    state.kept = {};
  }
  return {};
}

// laterals[level] += up(laterals[level + 1])
Status UperHead::mergeTopDown(const Execution& execution, State& state, size_t level) const {
  resizeBilinear(execution, state.levels[level + 1], state.levels[level], Store::kAdd);
  return {};
}

// fpn_outs[level] = fpn_convs[level](laterals[level]), in place: a band is stored when the one below it, which reads
// its last row, has been made.
Status UperHead::refine(const Execution& execution, State& state, size_t index, int64_t band) const {
  const ConcatConvModule& conv = fpn_convs_[index];
  FeatureMap& level = state.levels[index];
  const int64_t row = level.size.width * level.channels, height = level.size.height;
  const auto store = [&](int64_t which) {
    const auto [first, rows] = conv.bandRows(which, height);
    execution.compute([&, from = first, count = rows] { std::copy_n(state.refined.data(), count * row, level.data() + from * row); });
  };
  BEIT_ASSIGN(FloatBuffer next, execution.workspace().floats(conv.bandRows(band, height).rows * row, "pyramid features"));
  BEIT_TRY(conv.run(execution, band, level, {}, state.kept, next.data()));
  if (band > 0) store(band - 1);
  state.refined = std::move(next);
  if (band + 1 == conv.bands(height)) {
    store(band);
    state.refined = {};
    state.kept = {};
  }
  return {};
}

// logits = classifier(fpn_bottleneck(cat([fpn_outs[0], up(fpn_outs[1]), …]))), a band of rows
Status UperHead::fuse(const Execution& execution, State& state, int64_t band) const {
  const FeatureMap& widest = state.levels[0];
  const int64_t height = widest.size.height, width = widest.size.width, labels = classifier_.outputs();
  const auto [first, rows] = fpn_bottleneck_.bandRows(band, height);
  BEIT_ASSIGN(FloatBuffer fused, execution.workspace().floats(rows * width * channels_, "fused features"));
  BEIT_TRY(fpn_bottleneck_.run(execution, band, widest, std::span(state.levels).subspan(1), state.kept, fused.data()));
  BEIT_ASSIGN(FeatureMap logits, FeatureMap::allocate(execution.workspace(), {rows, width}, labels, "logits"));
  BEIT_TRY(classifier_.run(execution, rows * width, fused.data(), logits.data()));
  hwcToChw(execution, logits, state.logits + first * width, height * width);
  if (first + rows == height) {
    state.levels = {};
    state.kept = {};
  }
  return {};
}

}  // namespace beit
