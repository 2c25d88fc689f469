#include "src/training/training_settings.h"

#include <array>
#include <string>
#include <utility>

#include "src/base/json.h"
#include "src/base/json_fields.h"

namespace beit {
namespace {

constexpr int64_t kMostSteps = int64_t{1} << 31;

template <typename Value, size_t kCount>
Status choice(JsonFields& fields, std::string_view name, const std::array<std::pair<std::string_view, Value>, kCount>& values,
              Value& value) {
  const JsonValue field = fields.take(name);
  if (!field.exists()) return {};
  std::string expected;
  for (const auto& [text, meaning] : values) {
    if (field.asString() == text) {
      value = meaning;
      return {};
    }
    expected += (expected.empty() ? "\"" : ", \"") + std::string(text) + "\"";
  }
  return badField(name, field, "one of " + expected);
}

constexpr std::array kTasks{std::pair<std::string_view, TrainingTask>{"classification", TrainingTask::kClassification},
                            std::pair<std::string_view, TrainingTask>{"mim", TrainingTask::kMaskedImages}};
constexpr std::array kSchedules{std::pair<std::string_view, ScheduleKind>{"cosine", ScheduleKind::kCosine},
                                std::pair<std::string_view, ScheduleKind>{"linear", ScheduleKind::kLinear},
                                std::pair<std::string_view, ScheduleKind>{"constant", ScheduleKind::kConstant}};
constexpr std::array kConventions{std::pair<std::string_view, TrainingConventions>{"unilm", TrainingConventions::kUnilm},
                                  std::pair<std::string_view, TrainingConventions>{"transformers", TrainingConventions::kTransformers}};
constexpr std::array kAugmentations{std::pair<std::string_view, Augmentation>{"none", Augmentation::kNone},
                                    std::pair<std::string_view, Augmentation>{"light", Augmentation::kLight},
                                    std::pair<std::string_view, Augmentation>{"strong", Augmentation::kStrong}};

}  // namespace

Result<TrainingSettings> parseTrainingSettings(std::string_view json) {
  BEIT_ASSIGN(const Json document, Json::parse(json, "training settings"));
  if (!document.root().isObject()) return badField("training settings", document.root(), "an object");
  JsonFields fields(document.root());
  TrainingSettings settings;
  BEIT_TRY(choice(fields, "task", kTasks, settings.task));
  BEIT_TRY(fields.text("method", settings.method));
  BEIT_TRY(fields.integer("seed", 0, int64_t{1} << 53, settings.seed));
  const JsonValue rate = fields.take("rate");
  if (!rate.exists()) return badField("rate", rate, "a number: the highest learning rate");
  BEIT_TRY(fields.real("rate", 0.0, 100.0, settings.rate));
  BEIT_TRY(fields.real("head_rate_factor", 0.0, 1e6, settings.head_rate_factor));
  BEIT_TRY(choice(fields, "schedule", kSchedules, settings.schedule));
  const JsonValue steps = fields.take("total_steps");
  if (!steps.exists()) return badField("total_steps", steps, "a whole number: how many steps there will be");
  BEIT_TRY(fields.integer("total_steps", 1, kMostSteps, settings.total_steps));
  BEIT_TRY(fields.integer("warmup_steps", 0, kMostSteps, settings.warmup_steps));
  BEIT_TRY(fields.real("warmup_rate", 0.0, 100.0, settings.warmup_rate));
  BEIT_TRY(fields.real("min_rate", 0.0, 100.0, settings.min_rate));
  BEIT_TRY(fields.real("weight_decay", 0.0, 100.0, settings.weight_decay));
  BEIT_TRY(choice(fields, "conventions", kConventions, settings.conventions));
  BEIT_TRY(fields.real("layer_decay", 1e-6, 1.0, settings.layer_decay));
  BEIT_TRY(fields.real("beta1", 0.0, 0.999999, settings.beta1));
  BEIT_TRY(fields.real("beta2", 0.0, 0.9999999, settings.beta2));
  BEIT_TRY(fields.real("epsilon", 0.0, 1.0, settings.epsilon));
  BEIT_TRY(fields.real("clip", 0.0, 1e9, settings.clip));
  BEIT_TRY(fields.real("moving_average", 0.0, 0.9999999, settings.moving_average));
  BEIT_TRY(fields.real("drop_path", 0.0, 0.95, settings.drop_path));
  BEIT_TRY(fields.real("smoothing", 0.0, 0.99, settings.smoothing));
  BEIT_TRY(fields.real("mixup", 0.0, 100.0, settings.mixup));
  BEIT_TRY(fields.real("cutmix", 0.0, 100.0, settings.cutmix));
  BEIT_TRY(choice(fields, "augment", kAugmentations, settings.augment));
  if (settings.task == TrainingTask::kMaskedImages && (settings.smoothing != 0.0 || settings.mixup != 0.0 || settings.cutmix != 0.0)) {
    return mismatch(ErrorCode::kBadConfig, "training settings", "smoothing, mixup or cutmix for masked images, which have no labels",
                    "none of them");
  }
  if (const auto unknown = fields.unknown(); !unknown.empty()) {
    return failure(ErrorCode::kBadConfig, "training settings", "there is no setting \"" + unknown.front() + "\"");
  }
  return settings;
}

}  // namespace beit
