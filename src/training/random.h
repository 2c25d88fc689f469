// Random numbers that depend on what they are for and on nothing else: a stream for each purpose, step, picture, … of a seed. So they
// are the same in every engine, in any order of work, and after a run was resumed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace beit {

// Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): a counter and a key in, 128 random bits out.
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// What a stream is for. The numbers are part of what makes runs repeatable: they stay as they are.
enum class RandomPurpose : uint32_t { kPicture = 1, kMix = 2, kDropPath = 3, kHead = 4, kOrder = 5, kMask = 6 };

class Random {
 public:
  // The stream of that purpose with the numbers `a` and `b`, such as an epoch and a picture.
  Random(uint64_t seed, RandomPurpose purpose, uint32_t a = 0, uint32_t b = 0)
      : key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)}, counter_{0, static_cast<uint32_t>(purpose), a, b} {}

  uint32_t bits();
  // Returns a number of [0, 1), a multiple of 2^-53.
  double uniform();
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  // Returns a whole number of [0, count); `count` is from 1 to 2^32.
  int64_t below(int64_t count);
  // Returns a number of the normal distribution with mean 0 and deviation 1.
  double normal();
  // Returns a number of the Beta distribution with both parameters `alpha`, above 0.
  double beta(double alpha);

 private:
  double gamma(double shape);

  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 4> counter_;
  std::array<uint32_t, 4> block_{};
  size_t used_ = 4;  // of the block
};

}  // namespace beit
