// Unified perceptual parsing: the decode head of segmentation. Reference: BeitUperHead
// (UPerNet, https://arxiv.org/abs/1807.10221; pyramid pooling, https://arxiv.org/abs/1612.01105).
#pragma once

#include <array>
#include <vector>

#include "src/config.h"
#include "src/convolution.h"
#include "src/feature_pyramid.h"
#include "src/forward.h"

namespace beit {

class UperHead {
 public:
  // Adds the parameters under "decode_head.".
  void declare(ParameterList& parameters, const BeitConfig& config);

  // The four levels of one image on their way through the head, and at last its logits.
  struct State {
    std::array<FeatureMap, FeaturePyramid::kLevels> levels;
    FeatureMap fused;
    FeatureMap logits;  // (4h, 4w, L)
  };

  // Adds the steps from state.levels, filled by then, to state.logits.
  void addSteps(ForwardPass& pass, const ThreadPool& pool, std::shared_ptr<State> state) const;

 private:
  Status poolPyramid(const ThreadPool& pool, State& state) const;
  Status mergeTopDown(const ThreadPool& pool, State& state) const;
  Status refine(const ThreadPool& pool, State& state, size_t level) const;
  Status fuse(const ThreadPool& pool, State& state, size_t level) const;
  Status classify(const ThreadPool& pool, State& state) const;

  std::vector<int64_t> pool_scales_;
  std::vector<std::unique_ptr<ConvModule>> psp_modules_;
  ConvModule bottleneck_;
  std::array<ConvModule, FeaturePyramid::kLevels - 1> lateral_convs_, fpn_convs_;
  ConvModule fpn_bottleneck_;
  ConvModule classifier_;
};

}  // namespace beit
