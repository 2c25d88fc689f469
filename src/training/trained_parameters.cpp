#include "src/training/trained_parameters.h"

#include <algorithm>
#include <cassert>

namespace beit {

void TrainedParameters::declare(const ParameterList& declared, ParameterList& parameters,
                                const std::function<bool(std::string_view name)>& is_trained) {
  assert(all_.empty());
  all_.resize(declared.all().size());
  for (size_t i = 0; i < all_.size(); ++i) {
    TrainedParameter& to = all_[i];
    to.name = declared.all()[i].name;
    to.shape = declared.all()[i].shape;
    to.trained = is_trained(to.name);
    parameters.add(to.name, to.shape, [&to](std::span<float> values) -> Status {
      BEIT_ASSIGN(to.value, FloatBuffer::copyOf(values, "a parameter"));
      if (!to.trained) return {};
      BEIT_ASSIGN(to.gradient, FloatBuffer::allocate(static_cast<int64_t>(values.size()), "a gradient"));
      std::fill_n(to.gradient.data(), values.size(), 0.0f);
      return {};
    });
  }
}

TrainedParameter* TrainedParameters::find(std::string_view name) {
  const auto found = std::find_if(all_.begin(), all_.end(), [&](const TrainedParameter& each) { return each.name == name; });
  return found == all_.end() ? nullptr : &*found;
}

TrainedLinear::TrainedLinear(TrainedParameters& parameters, const std::string& prefix)
    : weight(parameters.find(prefix + ".weight")), bias(parameters.find(prefix + ".bias")) {
  assert(weight);
  outputs = weight->shape[0];
  inputs = *elementCount(weight->shape) / outputs;
}

TrainedNorm::TrainedNorm(TrainedParameters& parameters, const std::string& prefix, double epsilon_)
    : weight(parameters.find(prefix + ".weight")), bias(parameters.find(prefix + ".bias")), epsilon(static_cast<float>(epsilon_)) {
  assert(weight && bias);
  channels = weight->shape[0];
}

}  // namespace beit
