// The stack of transformer layers. Reference: BeitLayer, BeitEncoder.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "src/kernels/activation.h"
#include "src/kernels/execution.h"
#include "src/layers/layer_norm.h"
#include "src/layers/linear.h"
#include "src/layers/transformer/attention.h"
#include "src/layers/transformer/relative_position_bias.h"
#include "src/parameters/parameters.h"

namespace beit {

struct EncoderSpec {
  AttentionSpec attention;
  int64_t layers = 0;
  int64_t intermediate = 0;  // F
  Activation activation = Activation::kGelu;
  double layer_norm_eps = 1e-12;
  bool layer_scale = false;  // lambda_1 and lambda_2 exist
  // Which tables exist: one a layer, one for all, both or none.
  bool relative_position_bias = false, shared_relative_position_bias = false;
  RelativePositionBiasSpec bias;
};

// A layer's work, in this order: each part goes on with what the one before has left in the scratch memory. Images do not look at each
// other, so that all parts of some may come before the first of others.
enum class LayerPart { kAttention, kIntermediate, kOutput };
inline constexpr std::array kLayerParts = {LayerPart::kAttention, LayerPart::kIntermediate, LayerPart::kOutput};

// Memory of a pass through the encoder for as many images as are in a layer at a time, reused by all layers.
struct EncoderScratch {
  FloatBuffer normalized;    // (B, T, C): a branch's input, then its output
  FloatBuffer intermediate;  // (B, T, F)
  AttentionScratch attention;

  // Error: kOutOfMemory.
  static Result<EncoderScratch> allocate(const Execution& execution, const EncoderSpec& spec, int64_t batch, int64_t tokens);
};

class EncoderLayer {
 public:
  // Adds the parameters of layer `prefix` ("beit.encoder.layer.N").
  void declare(const Execution& execution, ParameterList& parameters, const std::string& prefix, const EncoderSpec& spec,
               WeightType type = WeightType::kFloat32);

  // The layer's own table; not declared() where layers have none.
  const RelativePositionBias& relativePositionBias() const { return relative_position_bias_; }

  // states (B, T, C) = the layer's output for them, after the last part. `probabilities` is null or takes (B, H, T, T) in the first.
  Status run(LayerPart part, const Execution& execution, int64_t batch, int64_t tokens, const GridBias& bias, EncoderScratch& scratch,
             float* states, float* probabilities) const;

 private:
  Activation activation_ = Activation::kGelu;
  LayerNorm layernorm_before_, layernorm_after_;
  Attention attention_;
  RelativePositionBias relative_position_bias_;
  Linear intermediate_, output_;
  FloatBuffer lambda_1_, lambda_2_;  // (C), or empty without layer scale
};

class Encoder {
 public:
  // Adds the parameters under `prefix` ("beit.encoder").
  void declare(const Execution& execution, ParameterList& parameters, const std::string& prefix, const EncoderSpec& spec,
               WeightType type = WeightType::kFloat32);

  size_t layers() const { return layers_.size(); }

  // Lays the bias tables out for that grid of patches; quick when it is the last call's grid.
  void prepare(const Execution& execution, Size grid);

  // Runs a part of layer `index` (see EncoderLayer::run) with the bias of the prepared grid.
  Status runLayer(size_t index, LayerPart part, const Execution& execution, int64_t batch, int64_t tokens, EncoderScratch& scratch,
                  float* states, float* probabilities) const;

 private:
  // Returns the bytes of biases_ for that grid.
  int64_t biasBytes(Size grid) const;

  std::vector<std::unique_ptr<EncoderLayer>> layers_;
  RelativePositionBias shared_bias_;
  Size prepared_{};
  // One a layer, or one for all where only the shared table exists.
  std::vector<GridBias> biases_;
};

}  // namespace beit
