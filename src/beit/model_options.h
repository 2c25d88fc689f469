// What of a model the caller chooses and config.json does not say.
#pragma once

#include <optional>

#include "src/beit/config.h"
#include "src/layers/linear.h"

namespace beit {

// Which hidden states feed the segmentation heads.
enum class OutIndicesRule { kTransformers, kUnilm };

struct ModelOptions {
  // BeitModel only: with a pooler (pooler_output), or without.
  bool add_pooling_layer = true;
  // Segmentation only: as transformers reads out_indices, or as unilm, where they come from.
  OutIndicesRule out_indices_rule = OutIndicesRule::kTransformers;
  // Segmentation only: load the auxiliary head, which a loss needs and nothing else.
  bool auxiliary_head = true;
  // In place of the config's layer_norm_eps, from 0 to 1: unilm and timm run the weights with 1e-6
  // whose configs say 1e-12.
  std::optional<double> layer_norm_eps{};
  // How relative position biases are resized for inputs of another size.
  RelativePositionBiasResize relative_position_bias_resize = RelativePositionBiasResize::kTransformers;
  // How the encoder's fully connected layers compute. All else, and the last layer of every head, is in
  // floats.
  WeightType dtype = WeightType::kFloat32;
};

}  // namespace beit
