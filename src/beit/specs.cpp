#include "src/beit/specs.h"

namespace beit {

EncoderSpec encoderSpec(const BeitConfig& config) {
  return {
      .attention = {.hidden = config.hidden_size, .heads = config.num_attention_heads},
      .layers = config.num_hidden_layers,
      .intermediate = config.intermediate_size,
      .activation = config.hidden_act,
      .layer_norm_eps = config.layer_norm_eps,
      .layer_scale = config.layer_scale_init_value > 0,
      .relative_position_bias = config.use_relative_position_bias,
      .shared_relative_position_bias = config.use_shared_relative_position_bias,
      .bias = {.grid = config.patchGrid(), .heads = config.num_attention_heads, .resize = config.relative_position_bias_resize},
  };
}

}  // namespace beit
