#include "src/training/schedule.h"

#include <algorithm>
#include <cmath>

namespace beit {
namespace {

double warmingUp(const TrainingSettings& settings, int64_t step) {
  const int64_t intervals = settings.conventions == TrainingConventions::kUnilm ? settings.warmup_steps - 1 : settings.warmup_steps;
  // numpy's linspace of one number is its beginning.
  const double share = static_cast<double>(step) / static_cast<double>(std::max<int64_t>(intervals, 1));
  return settings.warmup_rate + (settings.rate - settings.warmup_rate) * share;
}

}  // namespace

double rateOfStep(const TrainingSettings& settings, int64_t step) {
  if (step < settings.warmup_steps) return warmingUp(settings, step);
  if (settings.schedule == ScheduleKind::kConstant) return settings.rate;
  constexpr double kPi = 3.141592653589793238463;
  const double done = static_cast<double>(step - settings.warmup_steps) /
                      static_cast<double>(std::max<int64_t>(settings.total_steps - settings.warmup_steps, 1));
  const double along = std::min(done, 1.0);
  const double left = settings.schedule == ScheduleKind::kLinear ? 1.0 - along : 0.5 * (1.0 + std::cos(kPi * along));
  return settings.min_rate + (settings.rate - settings.min_rate) * left;
}

}  // namespace beit
