// Parameters with their gradients, row-major as the checkpoint has them, so that whoever updates, clips, counts or saves them
// sees plain arrays. Products pack them when they need them (gradient_products.h).
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/tensor.h"
#include "src/parameters/parameters.h"

namespace beit {

struct TrainedParameter {
  std::string name;  // transformers 4's, with the prefix "beit."
  Shape shape;
  bool trained = false;
  FloatBuffer value;     // empty until it has been received
  FloatBuffer gradient;  // of as many elements; zeros once it has been received, and empty for one that is frozen

  // Returns null for one that is frozen.
  float* gradients() { return trained ? gradient.data() : nullptr; }
};

class TrainedParameters {
 public:
  TrainedParameters() = default;
  TrainedParameters(const TrainedParameters&) = delete;
  TrainedParameters& operator=(const TrainedParameters&) = delete;

  // Takes the names and shapes of `declared`, a model's, and adds them to `parameters`, whose receivers fill this. Once.
  void declare(const ParameterList& declared, ParameterList& parameters, const std::function<bool(std::string_view name)>& is_trained);

  std::span<TrainedParameter> all() { return all_; }

  // Returns the parameter of that name, or null where the model has none. It stays where it is.
  TrainedParameter* find(std::string_view name);

 private:
  std::vector<TrainedParameter> all_;
};

// PREFIX.weight and PREFIX.bias of a fully connected layer, or of a convolution without overlap.
struct TrainedLinear {
  TrainedParameter* weight = nullptr;
  TrainedParameter* bias = nullptr;  // null where it has none
  int64_t inputs = 0, outputs = 0;

  TrainedLinear() = default;
  TrainedLinear(TrainedParameters& parameters, const std::string& prefix);
};

// Those of a layer norm.
struct TrainedNorm {
  TrainedParameter* weight = nullptr;
  TrainedParameter* bias = nullptr;
  int64_t channels = 0;
  float epsilon = 0.0f;

  TrainedNorm() = default;
  TrainedNorm(TrainedParameters& parameters, const std::string& prefix, double epsilon);
};

}  // namespace beit
