#include "src/base/real_text.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>

#include <catch2/catch_test_macros.hpp>

#include "tests/support/random.h"

namespace beit {

namespace {

std::string printed(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

}  // namespace

TEST_CASE("Real numbers are written as printf writes them", "[real_text]") {
  using Limits = std::numeric_limits<double>;
  for (const double value : {0.0,
                             1.0,
                             10.0,
                             0.1,
                             1.5,
                             2.0 / 3.0,
                             999999999.0,
                             999999999.6,
                             1e9,
                             123456789.0,
                             1e-4,
                             9.9999999999e-5,
                             1e-5,
                             0.5,
                             100.25,
                             1e22,
                             1e100,
                             1e-100,
                             3.4028234663852886e38,
                             Limits::max(),
                             Limits::min(),
                             Limits::denorm_min(),
                             Limits::infinity()})
    for (const double sign : {1.0, -1.0}) {
      CAPTURE(value, sign);
      CHECK(realText(sign * value) == printed(sign * value));
    }
  CHECK(realText(Limits::quiet_NaN()) == "nan");
  test::Random random(1);
  for (int i = 0; i < 2000; ++i) {
    const auto parts = random.floats(2, -300.0f, 300.0f);
    const double value = static_cast<double>(parts[0]) * std::pow(10.0, static_cast<double>(parts[1]));
    CAPTURE(value);
    CHECK(realText(value) == printed(value));
  }
}

}  // namespace beit
