// Unified perceptual parsing: the decode head of segmentation, with the neck's upsampling before it. Reference:
// fpn1 to fpn4 of BeitForSemanticSegmentation, BeitUperHead (UPerNet, https://arxiv.org/abs/1807.10221; pyramid
// pooling, https://arxiv.org/abs/1612.01105).
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "src/beit/config.h"
#include "src/layers/concat_conv_module.h"
#include "src/layers/conv_module.h"
#include "src/layers/transposed_convolution.h"
#include "src/model/forward.h"

namespace beit {

class UperHead {
 public:
  static constexpr size_t kLevels = 4;

  // Adds the parameters under "fpn1.", "fpn2." and "decode_head.". `type` is that of all products but the last layer's.
  void declare(const Execution& execution, ParameterList& parameters, const BeitConfig& config, WeightType type);

  // The four levels of one image on their way through neck and head.
  struct State {
    std::array<FeatureMap, kLevels> levels;  // the tapped states (h, w, C), then what is made of them
    std::vector<FeatureMap> pooled;          // psp_modules' of the top
    FeatureMap top;                          // the bottleneck's result, until it takes the top's place
    FloatBuffer refined;                     // the band of a level that fpn_convs made last
    ConcatConvModule::BandState kept;        // of the convolution that is under way
    float* logits = nullptr;                 // (L, 4h, 4w): the caller's
  };

  // Adds the steps from state.levels, tapped states of `grid` by then, to state.logits.
  void addSteps(ForwardPass& pass, const Execution& execution, std::shared_ptr<State> state, Size grid) const;

 private:
  Status makeLevel(const Execution& execution, State& state, size_t level) const;
  Status poolTop(const Execution& execution, State& state, size_t module) const;
  Status mixTop(const Execution& execution, State& state, int64_t band) const;
  Status mergeTopDown(const Execution& execution, State& state, size_t level) const;
  Status refine(const Execution& execution, State& state, size_t level, int64_t band) const;
  Status fuse(const Execution& execution, State& state, int64_t band) const;

  int64_t channels_ = 0;
  TransposedConvolution fpn1_first_;                         // with BatchNorm; GELU follows
  std::array<TransposedConvolution, 2> lateral_upsampling_;  // fpn1's second and fpn2, with lateral_convs 0 and 1
  ConvModule lateral_conv_;                                  // lateral_convs 2
  std::vector<int64_t> pool_scales_;
  std::vector<std::unique_ptr<ConvModule>> psp_modules_;
  ConcatConvModule bottleneck_;
  std::array<ConcatConvModule, kLevels - 1> fpn_convs_;
  ConcatConvModule fpn_bottleneck_;
  Linear classifier_;
};

}  // namespace beit
