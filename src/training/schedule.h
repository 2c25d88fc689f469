// The learning rate of each step.
// Reference: unilm beit/utils.py, cosine_scheduler; transformers optimization.py, get_linear_schedule_with_warmup and
// get_cosine_schedule_with_warmup.
#pragma once

#include <cstdint>

#include "src/training/training_settings.h"

namespace beit {

// Returns the rate of the step of that number, from 0, by the settings' rate, schedule and conventions. A warm-up rises from warmup_rate:
// unilm's is at the highest rate with its last step, transformers' with the step behind it. Behind total_steps it is that of the end.
double rateOfStep(const TrainingSettings& settings, int64_t step);

}  // namespace beit
