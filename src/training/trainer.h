// The optimiser of a model: what moves its parameters by their gradients, step by step.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/base/result.h"
#include "src/base/tensor.h"
#include "src/kernels/execution.h"
#include "src/training/training_model.h"
#include "src/training/training_settings.h"

namespace beit {

// What a step did.
struct TrainerStep {
  int64_t step;  // how many have been done
  double rate;   // the schedule's
  double gradient_norm;
};

// A tensor that goes on from step to step beside the weights.
struct TrainerState {
  std::string name;  // exp_avg.NAME, exp_avg_sq.NAME, average.NAME
  Shape shape;
  std::span<float> values;
};

class Trainer {
 public:
  // Of the parameters of a model of so many layers, which live as long as this and have their values. An average begins as these. Error:
  // kOutOfMemory.
  static Result<std::unique_ptr<Trainer>> create(std::span<TrainedParameter> parameters, const TrainingSettings& settings, int64_t layers,
                                                 const Execution& execution);

  // Returns the bytes that create() takes for these parameters.
  static int64_t estimate(std::span<const TrainedParameter> parameters, const TrainingSettings& settings);

  // Moves the parameters by their gradients, which it leaves as they are; the average, where one is kept, by the parameters. Nothing is
  // moved where the gradients' norm is no finite number. Errors: kInvalidArgument then; kOutOfMemory.
  Result<TrainerStep> applyStep();

  // Exchanges the parameters' values with their averages, where these are kept: once to judge or to save the average, and once more to go
  // on.
  void exchangeAverage();
  // Whether the values are the averages now. Then no step may be applied.
  bool exchanged() const { return exchanged_; }

  // With these, the number of steps and the weights, another trainer of the same settings goes on to the same bits.
  std::vector<TrainerState> states();
  int64_t steps() const { return steps_; }
  void setSteps(int64_t steps) { steps_ = steps; }

 private:
  struct Learner {
    TrainedParameter* parameter;
    double decay, rate_factor;
    FloatBuffer first, second, average;
  };

  Trainer(std::span<TrainedParameter> parameters, const TrainingSettings& settings, const Execution& execution)
      : settings_(settings), execution_(execution), parameters_(parameters) {}

  TrainingSettings settings_;
  const Execution& execution_;
  std::span<TrainedParameter> parameters_;
  std::vector<Learner> learners_;
  int64_t steps_ = 0;
  bool exchanged_ = false;
};

}  // namespace beit
