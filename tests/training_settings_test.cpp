#include "src/training/training_settings.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

namespace beit {
namespace {

TEST_CASE("settings have their defaults", "[training_settings]") {
  const auto settings = parseTrainingSettings(R"({"rate": 0.001, "total_steps": 10, "augment": "strong", "conventions": "transformers"})");
  REQUIRE(settings.ok());
  CHECK(settings->rate == 0.001);
  CHECK(settings->total_steps == 10);
  CHECK(settings->method == "full");
  CHECK(settings->augment == Augmentation::kStrong);
  CHECK(settings->conventions == TrainingConventions::kTransformers);
  CHECK(settings->drop_path < 0.0);
  CHECK(settings->beta2 == 0.999);
}

TEST_CASE("settings that are none are refused by name", "[training_settings]") {
  const auto refused = [](const std::string& json, const std::string& where) {
    const auto settings = parseTrainingSettings(json);
    CAPTURE(json);
    REQUIRE(!settings.ok());
    CHECK(settings.error().code == ErrorCode::kBadConfig);
    CHECK(settings.error().where == where);
  };
  refused("[]", "training settings");
  refused(R"({"total_steps": 3})", "rate");
  refused(R"({"rate": 1})", "total_steps");
  refused(R"({"rate": -1, "total_steps": 3})", "rate");
  refused(R"({"rate": 1, "total_steps": 0})", "total_steps");
  refused(R"({"rate": 1, "total_steps": 3, "schedule": "steps"})", "schedule");
  refused(R"({"rate": 1, "total_steps": 3, "beta2": 1})", "beta2");
  refused(R"({"rate": 1, "total_steps": 3, "drop_path": -1})", "drop_path");
  refused(R"({"rate": 1, "total_steps": 3, "weigth_decay": 0.1})", "training settings");
  refused(R"({"rate": 1, "total_steps": 3, "task": "segmentation"})", "task");
  refused(R"({"rate": 1, "total_steps": 3, "task": "mim", "smoothing": 0.1})", "training settings");
}

}  // namespace
}  // namespace beit
