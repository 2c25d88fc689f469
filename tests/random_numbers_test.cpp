// Random numbers of training: the published answers of Philox, streams that do not depend on each other, and distributions.
#include "src/training/random.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <set>
#include <vector>

namespace beit {
namespace {

using Block = std::array<uint32_t, 4>;

TEST_CASE("Philox answers as its authors' test vectors say", "[random_numbers]") {
  CHECK(philox({0, 0, 0, 0}, {0, 0}) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) == Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a stream is that of its seed, purpose and numbers", "[random_numbers]") {
  std::set<uint32_t> firsts;
  for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 40}) {
    for (const RandomPurpose purpose : {RandomPurpose::kPicture, RandomPurpose::kMix}) {
      for (uint32_t a = 0; a < 3; ++a) {
        for (uint32_t b = 0; b < 3; ++b) {
          Random first(seed, purpose, a, b), again(seed, purpose, a, b);
          const uint32_t bits = first.bits();
          firsts.insert(bits);
          CHECK(again.bits() == bits);
          for (int i = 0; i < 9; ++i) CHECK(first.bits() == again.bits());
        }
      }
    }
  }
  CHECK(firsts.size() == 54);
}

struct Moments {
  double mean, variance, least, most;
};

template <typename Draw>
Moments momentsOf(const Draw& draw) {
  constexpr int kCount = 20000;
  std::vector<double> values;
  Moments moments{0, 0, 1e9, -1e9};
  for (int i = 0; i < kCount; ++i) {
    values.push_back(draw());
    moments.mean += values.back() / kCount;
    moments.least = std::min(moments.least, values.back());
    moments.most = std::max(moments.most, values.back());
  }
  for (const double value : values) moments.variance += (value - moments.mean) * (value - moments.mean) / kCount;
  return moments;
}

void checkMoments(const Moments& got, double mean, double variance) {
  CAPTURE(got.mean, got.variance, mean, variance);
  CHECK(std::fabs(got.mean - mean) < 4 * std::sqrt(variance / 20000));
  CHECK(std::fabs(got.variance - variance) < 0.05 * variance);
}

TEST_CASE("distributions have their moments", "[random_numbers]") {
  Random random(3, RandomPurpose::kPicture);
  const Moments uniform = momentsOf([&] { return random.uniform(-1.0, 3.0); });
  checkMoments(uniform, 1.0, 16.0 / 12.0);
  CHECK((uniform.least >= -1.0 && uniform.most < 3.0));
  checkMoments(momentsOf([&] { return random.normal(); }), 0.0, 1.0);
  for (const double alpha : {0.2, 0.8, 1.0, 3.0}) {
    const Moments beta = momentsOf([&] { return random.beta(alpha); });
    checkMoments(beta, 0.5, 1.0 / (4.0 * (2.0 * alpha + 1.0)));
    CHECK((beta.least >= 0.0 && beta.most <= 1.0));
  }
  std::vector<int> counts(7);
  for (int i = 0; i < 7000; ++i) ++counts[static_cast<size_t>(random.below(7))];
  for (const int count : counts) CHECK(std::abs(count - 1000) < 130);
  CHECK(random.below(1) == 0);
}

}  // namespace
}  // namespace beit
