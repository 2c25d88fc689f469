#include "src/layers/linear_parameters.h"

#include <utility>

namespace beit {

void LinearParameters::declare(ParameterList& parameters, const std::string& prefix, Shape weight_shape, bool has_bias, Receive receive,
                               int64_t bytes, ReceiveQuantized receive_quantized) {
  if (has_bias) group_.add(parameters, prefix + ".bias", {weight_shape[0]}, bias_);
  ParameterGroup::MakeQuantized quantized;
  if (receive_quantized) {
    quantized = [this, take = std::move(receive_quantized)](QuantizedValues weight) { return take(weight, std::move(bias_)); };
  }
  group_.addWeight(
      parameters, prefix + ".weight", std::move(weight_shape),
      [this, take = std::move(receive)](std::span<float> weight) { return take(weight, std::move(bias_)); }, bytes, std::move(quantized));
}

}  // namespace beit
