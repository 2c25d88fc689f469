#include "src/training/random.h"

#include <cmath>

namespace beit {

std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t first = uint64_t{0xD2511F53} * counter[0], second = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(second >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(second),
               static_cast<uint32_t>(first >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(first)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

uint32_t Random::bits() {
  if (used_ == block_.size()) {
    block_ = philox(counter_, key_);
    ++counter_[0];
    used_ = 0;
  }
  return block_[used_++];
}

double Random::uniform() {
  const uint64_t high = bits() >> 5, low = bits() >> 6;  // 27 and 26 bits
  return static_cast<double>((high << 26) | low) * 0x1p-53;
}

int64_t Random::below(int64_t count) {
  // Of 2^32 numbers the last few, which would make some answers likelier, are drawn again (Lemire 2019).
  const auto bound = static_cast<uint64_t>(count);
  const uint64_t rest = (uint64_t{1} << 32) % bound;
  for (;;) {
    const uint64_t product = uint64_t{bits()} * bound;
    if (static_cast<uint32_t>(product) >= rest) return static_cast<int64_t>(product >> 32);
  }
}

double Random::normal() {
  constexpr double kTwoPi = 6.283185307179586476925;
  const double distance = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return distance * std::cos(kTwoPi * uniform());
}

// Marsaglia and Tsang 2000.
double Random::gamma(double shape) {
  if (shape < 1.0) {
    const double larger = gamma(shape + 1.0);
    return larger * std::pow(1.0 - uniform(), 1.0 / shape);
  }
  const double d = shape - 1.0 / 3.0, c = 1.0 / std::sqrt(9.0 * d);
  for (;;) {
    const double x = normal();
    const double root = 1.0 + c * x;
    if (root <= 0.0) continue;
    const double v = root * root * root;
    if (std::log(1.0 - uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

double Random::beta(double alpha) {
  const double first = gamma(alpha), second = gamma(alpha);
  // Of a tiny alpha both may be 0: then it is as likely one as the other.
  if (first + second == 0.0) return bits() & 1 ? 1.0 : 0.0;
  return first / (first + second);
}

}  // namespace beit
