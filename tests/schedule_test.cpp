#include "src/training/schedule.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "tests/support/training_golden.h"

namespace beit {
namespace {

void checkRates(const char* name, const TrainingSettings& settings) {
  const Json golden = test::trainingGolden();
  const auto expected = test::doublesOf(golden.root().find("rates").find(name));
  REQUIRE(expected.size() == 20);
  for (size_t step = 0; step < expected.size(); ++step) {
    CAPTURE(name, step);
    CHECK(std::fabs(rateOfStep(settings, static_cast<int64_t>(step)) - expected[step]) <= 1e-7 * settings.rate);
  }
}

TEST_CASE("rates are those of unilm's and transformers' schedules", "[schedule]") {
  TrainingSettings settings;
  settings.total_steps = 20;
  settings.warmup_steps = 6;
  settings.rate = 0.01;
  settings.min_rate = 0.0001;
  settings.warmup_rate = 0.001;
  checkRates("unilm cosine", settings);

  settings.conventions = TrainingConventions::kTransformers;
  settings.rate = 0.5;
  settings.min_rate = settings.warmup_rate = 0.0;
  checkRates("transformers cosine", settings);
  settings.schedule = ScheduleKind::kLinear;
  checkRates("transformers linear", settings);
  settings.schedule = ScheduleKind::kConstant;
  checkRates("transformers constant", settings);
}

TEST_CASE("a schedule has a rate behind its end and without a warm-up", "[schedule]") {
  TrainingSettings settings;
  settings.total_steps = 4;
  settings.rate = 1.0;
  settings.min_rate = 0.25;
  CHECK(rateOfStep(settings, 0) == 1.0);
  CHECK(rateOfStep(settings, 4) == 0.25);
  CHECK(rateOfStep(settings, 400) == 0.25);
  settings.warmup_steps = 4;
  CHECK(rateOfStep(settings, 3) == 1.0);
  settings.warmup_steps = 1;  // numpy's linspace of one number
  settings.warmup_rate = 0.125;
  CHECK(rateOfStep(settings, 0) == 0.125);
}

}  // namespace
}  // namespace beit
