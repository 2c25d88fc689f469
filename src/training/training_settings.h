// How a model is trained: what a run is told once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "src/base/result.h"

namespace beit {

// What is learned: the labels of pictures, or the visual tokens of what is hidden of them.
enum class TrainingTask { kClassification, kMaskedImages };

enum class ScheduleKind { kCosine, kLinear, kConstant };

// Whose rules say which parameters are not decayed and how a warm-up rises.
enum class TrainingConventions { kUnilm, kTransformers };

enum class Augmentation { kNone, kLight, kStrong };

// Field names are those of the JSON.
struct TrainingSettings {
  TrainingTask task = TrainingTask::kClassification;
  std::string method = "full";  // for parseTrainable()
  int64_t seed = 0;

  double rate = 0.0;
  double head_rate_factor = 1.0;
  ScheduleKind schedule = ScheduleKind::kCosine;
  int64_t total_steps = 1;
  int64_t warmup_steps = 0;
  double warmup_rate = 0.0;
  double min_rate = 0.0;

  double weight_decay = 0.0;
  TrainingConventions conventions = TrainingConventions::kUnilm;
  double layer_decay = 1.0;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double clip = 0.0;            // 0: no limit
  double moving_average = 0.0;  // 0: none is kept

  double drop_path = -1.0;  // below 0: the config's
  double smoothing = 0.0;
  double mixup = 0.0, cutmix = 0.0;
  Augmentation augment = Augmentation::kNone;
};

// Returns the settings of a JSON text, defaults filled in. Errors: those of Json::parse; kBadConfig for a field of the wrong type or
// range, for a rate or a number of steps that is missing, for what labels alone have where there are none, and for a name that is no field.
Result<TrainingSettings> parseTrainingSettings(std::string_view json);

}  // namespace beit
