#include "src/training/trainer.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "src/training/adamw.h"
#include "src/training/gradient_clipping.h"
#include "src/training/moving_average.h"
#include "src/training/parameter_groups.h"
#include "src/training/pieces.h"
#include "src/training/schedule.h"

namespace beit {
namespace {

Result<FloatBuffer> zeros(size_t count) {
  BEIT_ASSIGN(FloatBuffer buffer, FloatBuffer::allocate(static_cast<int64_t>(count), "the optimiser's moments"));
  std::fill(buffer.span().begin(), buffer.span().end(), 0.0f);
  return buffer;
}

}  // namespace

Result<std::unique_ptr<Trainer>> Trainer::create(std::span<TrainedParameter> parameters, const TrainingSettings& settings, int64_t layers,
                                                 const Execution& execution) {
  std::unique_ptr<Trainer> trainer(new Trainer(parameters, settings, execution));
  for (TrainedParameter& parameter : parameters) {
    if (!parameter.trained) continue;
    Learner learner{.parameter = &parameter,
                    .decay = isDecayed(settings.conventions, parameter.name, parameter.shape) ? settings.weight_decay : 0.0,
                    .rate_factor = rateFactorOf(settings, parameter.name, layers),
                    .first = {},
                    .second = {},
                    .average = {}};
    BEIT_ASSIGN(learner.first, zeros(parameter.value.size()));
    BEIT_ASSIGN(learner.second, zeros(parameter.value.size()));
    if (settings.moving_average > 0.0) {
      BEIT_ASSIGN(learner.average, FloatBuffer::copyOf(parameter.value.span(), "the average of the weights"));
    }
    trainer->learners_.push_back(std::move(learner));
  }
  return trainer;
}

int64_t Trainer::estimate(std::span<const TrainedParameter> parameters, const TrainingSettings& settings) {
  const int64_t each = settings.moving_average > 0.0 ? 3 : 2;
  int64_t bytes = 0;
  for (const TrainedParameter& parameter : parameters) {
    if (parameter.trained) bytes += each * elementCount(parameter.shape).value_or(0) * static_cast<int64_t>(sizeof(float));
  }
  return bytes;
}

Result<TrainerStep> Trainer::applyStep() {
  assert(!exchanged_);
  BEIT_ASSIGN(const double norm, gradientNorm(execution_, parameters_));
  if (!std::isfinite(norm)) {
    return mismatch(ErrorCode::kInvalidArgument, "step " + std::to_string(steps_ + 1), "gradients that are no finite numbers",
                    "finite ones; a lower learning rate may keep them so");
  }
  const double rate = rateOfStep(settings_, steps_);
  const int64_t step = steps_ + 1;
  const double kept = averageKept(settings_.moving_average, step);
  for (Learner& learner : learners_) {
    const AdamWStep move{.step = step,
                         .rate = rate * learner.rate_factor,
                         .decay = learner.decay,
                         .beta1 = settings_.beta1,
                         .beta2 = settings_.beta2,
                         .epsilon = settings_.epsilon,
                         .gradient_scale = clippingFactor(norm, settings_.clip)};
    TrainedParameter& parameter = *learner.parameter;
    const Pieces pieces(parameter.value.size());
    execution_.parallelFor(pieces.count(), [&](size_t, size_t i) {
      const std::span<float> values = pieces.of(parameter.value.span(), i);
      moveByAdamW(move, values, pieces.of(parameter.gradient.span(), i), pieces.of(learner.first.span(), i),
                  pieces.of(learner.second.span(), i));
      if (!learner.average.empty()) moveAverage(kept, pieces.of(learner.average.span(), i), values);
    });
  }
  steps_ = step;
  return TrainerStep{step, rate, norm};
}

void Trainer::exchangeAverage() {
  if (settings_.moving_average == 0.0) return;
  for (Learner& learner : learners_) {
    const std::span<float> values = learner.parameter->value.span();
    std::swap_ranges(values.begin(), values.end(), learner.average.data());
  }
  exchanged_ = !exchanged_;
}

std::vector<TrainerState> Trainer::states() {
  std::vector<TrainerState> states;
  for (Learner& learner : learners_) {
    const auto& [name, shape, trained, value, gradient] = *learner.parameter;
    states.push_back({"exp_avg." + name, shape, learner.first.span()});
    states.push_back({"exp_avg_sq." + name, shape, learner.second.span()});
    if (!learner.average.empty()) states.push_back({"average." + name, shape, learner.average.span()});
  }
  return states;
}

}  // namespace beit
