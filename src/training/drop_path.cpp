#include "src/training/drop_path.h"

#include <cassert>

#include "src/training/random.h"

namespace beit {

std::vector<double> dropPathRates(double rate, int64_t layers) {
  std::vector<double> rates;
  for (int64_t i = 0; i < layers; ++i) rates.push_back(layers == 1 ? 0.0 : rate * static_cast<double>(i) / static_cast<double>(layers - 1));
  return rates;
}

void fillDropPath(std::span<const double> rates, int64_t seed, int64_t step, int64_t example, std::span<float> factors) {
  assert(factors.size() == 2 * rates.size());
  Random random(static_cast<uint64_t>(seed), RandomPurpose::kDropPath, static_cast<uint32_t>(step), static_cast<uint32_t>(example));
  for (size_t i = 0; i < factors.size(); ++i) {
    const double rate = rates[i / 2];
    factors[i] = random.uniform() < rate ? 0.0f : static_cast<float>(1.0 / (1.0 - rate));
  }
}

}  // namespace beit
