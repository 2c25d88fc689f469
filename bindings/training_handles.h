// The objects that JavaScript holds of an artefact that trains, as web/core/training.ts declares them.
#pragma once

#include <emscripten/val.h>

#include <memory>
#include <string>

#include "src/kernels/execution.h"
#include "src/training/training_model.h"

namespace beit::js {

using emscripten::val;

// Hands the parameter of that name `count` floats. Errors: kNotFound, kWrongShape.
Status supplyParameter(ParameterList& parameters, const std::string& name, uintptr_t pointer, double count);

class GradientsHandle : public std::enable_shared_from_this<GradientsHandle> {
 public:
  GradientsHandle(std::unique_ptr<TrainingModel> model, std::shared_ptr<const Execution> execution)
      : execution_(std::move(execution)), model_(std::move(model)) {}
  static val create(const std::string& config_json, const std::string& class_name);

  val tensors() const;
  val supply(const std::string& name, uintptr_t pointer, double count);
  val finish() const;
  val begin(val inputs);
  val gradient(const std::string& name) const;

 private:
  std::shared_ptr<const Execution> execution_;
  std::unique_ptr<TrainingModel> model_;
};

}  // namespace beit::js
