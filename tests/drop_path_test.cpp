#include "src/training/drop_path.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>

namespace beit {
namespace {

TEST_CASE("rates of drop path rise evenly", "[drop_path]") {
  CHECK(dropPathRates(0.3, 4) == std::vector<double>{0.0, 0.3 * 1 / 3, 0.3 * 2 / 3, 0.3});
  CHECK(dropPathRates(0.3, 1) == std::vector<double>{0.0});
}

TEST_CASE("branches are dropped as often as they should be, each for itself, and the rest makes up for it", "[drop_path]") {
  const std::vector<double> rates = dropPathRates(0.4, 3);
  std::vector<int> dropped(6);
  int both = 0;
  constexpr int kExamples = 8000;
  for (int64_t example = 0; example < kExamples; ++example) {
    std::vector<float> factors(6);
    fillDropPath(rates, 5, 17, example, factors);
    for (size_t i = 0; i < factors.size(); ++i) {
      if (factors[i] == 0.0f) ++dropped[i];
      else CHECK(factors[i] == static_cast<float>(1.0 / (1.0 - rates[i / 2])));
    }
    both += factors[4] == 0.0f && factors[5] == 0.0f;
  }
  for (size_t i = 0; i < dropped.size(); ++i)
    CHECK(std::fabs(dropped[i] - rates[i / 2] * kExamples) <= 5 * std::sqrt(kExamples * 0.25) * (rates[i / 2] > 0));
  CHECK(std::fabs(both - 0.16 * kExamples) < 200);
}

TEST_CASE("what is dropped depends on the step and the example", "[drop_path]") {
  const std::vector<double> rates(32, 0.5);
  const auto draw = [&](int64_t seed, int64_t step, int64_t example) {
    std::vector<float> factors(64);
    fillDropPath(rates, seed, step, example, factors);
    return factors;
  };
  const auto one = draw(1, 2, 3);
  CHECK(draw(1, 2, 3) == one);
  CHECK(draw(2, 2, 3) != one);
  CHECK(draw(1, 3, 3) != one);
  CHECK(draw(1, 2, 4) != one);
}

}  // namespace
}  // namespace beit
