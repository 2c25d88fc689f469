// What all model classes have in common: a list of expected parameters, and forward passes.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "src/kernels/execution.h"
#include "src/model/forward.h"
#include "src/parameters/parameters.h"

namespace beit {

// Bytes that a model takes; known before a single weight is read.
struct MemoryEstimate {
  int64_t weights = 0;      // all parameters, packed
  int64_t activations = 0;  // one run at the config's image size, batch 1, without optional outputs
  int64_t staging = 0;      // the largest tensor, while it is being filled
};

class Model {
 public:
  virtual ~Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const std::string& className() const { return class_name_; }

  // To be filled with weights before the first pass (see weights/reading/checkpoint.h).
  ParameterList& parameters() { return parameters_; }

  // Errors: none; what cannot be addressed counts as what was asked for.
  MemoryEstimate estimate();

  // Returns a pass that is ready for its first step; it holds the inputs and all memory it needs. The
  // model must outlive it. A second pass may begin before the first is done, but their steps share the
  // model's thread pool: one at a time.
  // Errors: kMissingTensor before the parameters are filled, kWrongShape and kInvalidArgument for
  // inputs that do not fit, kOutOfMemory.
  Result<std::unique_ptr<ForwardPass>> begin(ForwardInputs inputs, const ForwardOptions& options);

 protected:
  Model(std::string_view class_name, const Execution& execution) : execution_(execution), class_name_(class_name) {}

  // Adds the steps of one pass to `pass`; the parameters are complete.
  virtual Status addSteps(ForwardPass& pass, std::shared_ptr<const ForwardInputs> inputs, const ForwardOptions& options) = 0;
  // Returns inputs of one run, batch 1, at the size that the model is made for, from execution_'s workspace; their
  // elements stay as they are. Error: kOutOfMemory.
  virtual Result<ForwardInputs> typicalInputs() const = 0;

  const Execution& execution_;
  ParameterList parameters_;

 private:
  Status runTypical();

  std::string class_name_;
};

}  // namespace beit
