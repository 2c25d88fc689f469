#include "src/training/adamw.h"

#include <cassert>
#include <cmath>

namespace beit {

void moveByAdamW(const AdamWStep& step, std::span<float> values, std::span<const float> gradients, std::span<float> first,
                 std::span<float> second) {
  assert(gradients.size() == values.size() && first.size() == values.size() && second.size() == values.size());
  const auto number = static_cast<double>(step.step);
  const auto kept = static_cast<float>(1.0 - step.rate * step.decay);
  const auto step_size = static_cast<float>(step.rate / (1.0 - std::pow(step.beta1, number)));
  const auto correction = static_cast<float>(std::sqrt(1.0 - std::pow(step.beta2, number)));
  const auto new1 = static_cast<float>(1.0 - step.beta1), new2 = static_cast<float>(1.0 - step.beta2);
  const auto beta2 = static_cast<float>(step.beta2), epsilon = static_cast<float>(step.epsilon);
  const float scale = step.gradient_scale;
  float* value = values.data();
  float* m = first.data();
  float* v = second.data();
  const float* g = gradients.data();
  for (size_t i = 0; i < values.size(); ++i) {
    const float gradient = g[i] * scale;
    m[i] += new1 * (gradient - m[i]);
    v[i] = v[i] * beta2 + new2 * gradient * gradient;
    value[i] = value[i] * kept - step_size * m[i] / (std::sqrt(v[i]) / correction + epsilon);
  }
}

}  // namespace beit
