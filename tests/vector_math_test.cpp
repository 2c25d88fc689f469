#include "src/kernels/vector_math.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include <catch2/catch_test_macros.hpp>

namespace beit {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

float fromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

// Calls use(x) for floats of both signs up to `most`: even steps, and each binade down to 2^-40.
template <typename Use>
void forRange(float most, Use use) {
  constexpr int kSteps = 200'000;
  for (int i = 0; i <= kSteps; ++i) {
    const float x = most * static_cast<float>(i) / kSteps;
    use(x);
    use(-x);
  }
  for (uint32_t bits = bitsOf(0x1p-40f); bits <= bitsOf(most); bits += 3571) {
    use(fromBits(bits));
    use(-fromBits(bits));
  }
}

// Returns the largest |got - want| over the range.
template <typename Got, typename Want>
double largestError(float most, Got got, Want want) {
  double error = 0.0;
  forRange(most, [&](float x) {
    const double difference = std::abs(static_cast<double>(got(splat4(x))[2]) - want(static_cast<double>(x)));
    error = std::isnan(difference) ? kInfinity : std::max(error, difference);
  });
  return error;
}

}  // namespace

TEST_CASE("exp4 is within 2e-7 of its value and saturates", "[vector_math]") {
  double error = 0.0;
  forRange(88.0f, [&](float x) {
    if (x < -87.0f) return;
    const double want = std::exp(static_cast<double>(x));
    error = std::max(error, std::abs(static_cast<double>(exp4(splat4(x))[1]) - want) / want);
  });
  CAPTURE(error);
  CHECK(error <= 2e-7);
  CHECK(error >= 2e-8);  // a smaller one would mean that nothing was measured
  for (const float x : {-87.5f, -100.0f, -1e30f, -kInfinity}) {
    CHECK(exp4(splat4(x))[0] >= 0.0f);
    CHECK(exp4(splat4(x))[0] <= 2e-38f);
  }
  for (const float x : {88.0f, 89.0f, 1e30f, kInfinity}) {
    CHECK(exp4(splat4(x))[3] > 1.6e38f);
    CHECK(exp4(splat4(x))[3] < 1.7e38f);
  }
}

TEST_CASE("erf4, sigmoid4 and tanh4 are as near as they say", "[vector_math]") {
  const double erf = largestError(10.0f, erf4, [](double x) { return std::erf(x); });
  const double sigmoid = largestError(100.0f, sigmoid4, [](double x) { return 1.0 / (1.0 + std::exp(-x)); });
  const double tanh = largestError(100.0f, tanh4, [](double x) { return std::tanh(x); });
  CAPTURE(erf, sigmoid, tanh);
  CHECK(erf <= 4e-7);
  CHECK(sigmoid <= 2e-7);
  CHECK(tanh <= 4e-7);
}

TEST_CASE("erf4, sigmoid4 and tanh4 reach their limits and stay within them", "[vector_math]") {
  forRange(20.0f, [](float x) {
    const F32x4 v = splat4(x);
    if (!(std::abs(erf4(v)[0]) <= 1.0f && std::abs(tanh4(v)[0]) <= 1.0f && sigmoid4(v)[0] >= 0.0f && sigmoid4(v)[0] <= 1.0f))
      FAIL("outside at " << x);
  });
  CHECK(erf4(splat4(kInfinity))[0] == 1.0f);
  CHECK(erf4(splat4(-kInfinity))[0] == -1.0f);
  CHECK(tanh4(splat4(kInfinity))[0] == 1.0f);
  CHECK(tanh4(splat4(-kInfinity))[0] == -1.0f);
  CHECK(sigmoid4(splat4(kInfinity))[0] == 1.0f);
  CHECK(sigmoid4(splat4(-kInfinity))[0] <= 2e-38f);
}

TEST_CASE("A NaN of any sign and payload stays a NaN, in its lane alone", "[vector_math]") {
  for (const uint32_t bits : {0x7fc00000u, 0x7fc00001u, 0x7fc000e4u, 0x7fffffffu, 0xffc00000u, 0xffc00003u, 0x7f800001u}) {
    CAPTURE(bits);
    F32x4 x = splat4(0.5f);
    x[1] = fromBits(bits);
    for (const auto function : {exp4, erf4, sigmoid4, tanh4}) {
      const F32x4 y = function(x);
      CHECK(std::isnan(y[1]));
      CHECK((std::isfinite(y[0]) && std::isfinite(y[2]) && std::isfinite(y[3])));
    }
  }
}

TEST_CASE("Lanes do not depend on each other", "[vector_math]") {
  const F32x4 x{-3.0f, 0.25f, 80.0f, -80.0f};
  for (const auto function : {exp4, erf4, sigmoid4, tanh4})
    for (int lane = 0; lane < 4; ++lane) CHECK(function(x)[lane] == function(splat4(x[lane]))[0]);
}

}  // namespace beit
