// An average of the weights of all steps so far, in which older ones count less: it tells more steadily than the last.
#pragma once

#include <cstdint>
#include <span>

namespace beit {

// Returns what the average keeps of itself at that step, from 1: less than `decay` at first, when it would else be the weights of the
// beginning for long (as in TensorFlow's ExponentialMovingAverage).
double averageKept(double decay, int64_t step);

// Moves the average towards the values. Elements do not depend on each other.
void moveAverage(double kept, std::span<float> average, std::span<const float> values);

}  // namespace beit
