// The objects that JavaScript holds of an artefact that trains, as web/core/training.ts declares them.
#pragma once

#include "bindings/emscripten_bind.h"

#include <memory>
#include <string>

#include "src/kernels/execution.h"
#include "src/training/training_model.h"
#include "src/training/training_run.h"

namespace beit::js {

using emscripten::val;

class GradientsHandle : public std::enable_shared_from_this<GradientsHandle> {
 public:
  GradientsHandle(std::unique_ptr<TrainingModel> model, std::shared_ptr<const Execution> execution)
      : execution_(std::move(execution)), model_(std::move(model)) {}
  static val create(const std::string& config_json, const std::string& class_name);

  val tensors() const;
  val supply(const std::string& name, uintptr_t pointer, double count);
  val finish() const;
  val begin(val inputs, val branch_scale);
  val gradient(const std::string& name) const;

 private:
  std::shared_ptr<const Execution> execution_;
  std::unique_ptr<TrainingModel> model_;
};

class TrainerHandle : public std::enable_shared_from_this<TrainerHandle> {
 public:
  TrainerHandle(std::unique_ptr<TrainingRun> run, std::shared_ptr<const Execution> execution)
      : execution_(std::move(execution)), run_(std::move(run)) {}
  static val create(const std::string& config_json, const std::string& processor_json, const std::string& settings_json);

  val tensors() const;
  val supply(const std::string& name, uintptr_t pointer, double count);
  val finish();
  val order(double epoch, double count) const;
  val estimate(double micro_batch, double batch);

  val startBatch(double size, bool learn, bool states);
  val addPicture(uintptr_t pointer, double width, double height, double channels, double label, double epoch, double picture);
  val addValues(uintptr_t pointer, double count, double label);
  val addViews(uintptr_t pointer, double width, double height, double channels, double epoch, double picture);
  val hide(uintptr_t mask, uintptr_t tokens, double count);
  double maskSeed(double epoch, double picture) const;
  val mix();
  val begin(double first, double count);
  val frozenPass(double first, double count);
  val applyStep();

  val read(const std::string& name, const std::string& dtype) const;
  val exchangeAverage();
  val states() const;
  val readState(const std::string& name) const;
  val supplyState(const std::string& name, uintptr_t pointer, double count);
  double steps() const;
  val setSteps(double steps);

 private:
  val passOf(Result<std::unique_ptr<ForwardPass>> pass);
  // The optimiser, which there is once the weights have come.
  Result<Trainer*> trainer() const;
  Result<TrainerState> state(const std::string& name) const;

  std::shared_ptr<const Execution> execution_;
  std::unique_ptr<TrainingRun> run_;
};

}  // namespace beit::js
