// Seeded numbers that are the same on every machine (the standard's distributions are not).
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace beit::test {

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}

  // Returns a value of [low, high).
  float uniform(float low, float high) { return low + (high - low) * static_cast<float>(engine_() >> 8) * (1.0f / 16777216.0f); }

  // Returns an integer of 0..count-1.
  int64_t below(int64_t count) { return static_cast<int64_t>(engine_()) % count; }

  std::vector<float> floats(size_t count, float low, float high) {
    std::vector<float> values(count);
    for (float& value : values) value = uniform(low, high);
    return values;
  }

 private:
  std::mt19937 engine_;
};

}  // namespace beit::test
