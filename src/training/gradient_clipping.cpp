#include "src/training/gradient_clipping.h"

#include <cmath>

#include "src/training/pieces.h"

namespace beit {
namespace {

double squareSum(std::span<const float> values) {
  // Four sums, so that they go into vectors and yet have one order.
  double sums[4] = {};
  size_t i = 0;
  for (; i + 4 <= values.size(); i += 4) {
    for (size_t lane = 0; lane < 4; ++lane) sums[lane] += double{values[i + lane]} * double{values[i + lane]};
  }
  for (; i < values.size(); ++i) sums[0] += double{values[i]} * double{values[i]};
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

}  // namespace

Result<double> gradientNorm(const Execution& execution, std::span<const TrainedParameter> parameters) {
  double total = 0.0;
  for (const TrainedParameter& parameter : parameters) {
    if (!parameter.trained) continue;
    const std::span<const float> gradient = parameter.gradient.span();
    const Pieces pieces(gradient.size());
    BEIT_ASSIGN(Buffer<double> sums, Buffer<double>::allocate(static_cast<int64_t>(pieces.count()), "sums of gradients"));
    execution.parallelFor(pieces.count(), [&](size_t, size_t i) { sums[i] = squareSum(pieces.of(gradient, i)); });
    for (const double sum : sums) total += sum;
  }
  return std::sqrt(total);
}

float clippingFactor(double norm, double most) {
  if (most == 0.0) return 1.0f;
  const double factor = most / (norm + 1e-6);
  return factor < 1.0 ? static_cast<float>(factor) : 1.0f;
}

}  // namespace beit
