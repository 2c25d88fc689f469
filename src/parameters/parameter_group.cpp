#include "src/parameters/parameter_group.h"

#include <algorithm>

namespace beit {

void ParameterGroup::add(ParameterList& parameters, std::string name, Shape shape, FloatBuffer& slot) {
  ++missing_small_;
  parameters.add(std::move(name), std::move(shape), [this, &slot](std::span<float> values) -> Status {
    BEIT_ASSIGN(slot, FloatBuffer::copyOf(values, "a parameter"));
    --missing_small_;
    if (missing_small_ > 0 || waiting_.empty()) return {};
    FloatBuffer large = std::move(waiting_);
    const Buffer<int8_t> quantized = std::move(waiting_values_);
    return quantized.empty() ? make_(large.span()) : make_quantized_({quantized, large.span()});
  });
}

void ParameterGroup::addWeight(ParameterList& parameters, std::string name, Shape shape, Make make, int64_t bytes,
                               MakeQuantized make_quantized) {
  make_ = std::move(make);
  make_quantized_ = std::move(make_quantized);
  Parameter& parameter = parameters.add(
      std::move(name), std::move(shape),
      [this](std::span<float> values) -> Status {
        if (missing_small_ == 0) return make_(values);
        BEIT_ASSIGN(waiting_, FloatBuffer::copyOf(values, "a weight that waits for its bias"));
        return {};
      },
      bytes);
  if (!make_quantized_) return;
  parameter.receive_quantized = [this](QuantizedValues large) -> Status {
    if (missing_small_ == 0) return make_quantized_(large);
    BEIT_ASSIGN(waiting_, FloatBuffer::copyOf(large.scales, "scales that wait for a bias"));
    BEIT_ASSIGN(waiting_values_, Buffer<int8_t>::allocate(large.values.size(), "a weight that waits for its bias"));
    std::copy(large.values.begin(), large.values.end(), waiting_values_.begin());
    return {};
  };
}

}  // namespace beit
