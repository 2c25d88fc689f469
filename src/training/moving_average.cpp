#include "src/training/moving_average.h"

#include <algorithm>
#include <cassert>

namespace beit {

double averageKept(double decay, int64_t step) {
  const auto number = static_cast<double>(step);
  return std::min(decay, (1.0 + number) / (10.0 + number));
}

void moveAverage(double kept, std::span<float> average, std::span<const float> values) {
  assert(average.size() == values.size());
  const auto share = static_cast<float>(1.0 - kept);
  float* to = average.data();
  const float* from = values.data();
  for (size_t i = 0; i < average.size(); ++i) to[i] += share * (from[i] - to[i]);
}

}  // namespace beit
