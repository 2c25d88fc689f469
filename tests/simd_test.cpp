#include "src/kernels/simd.h"

#include <array>
#include <cmath>
#include <limits>

#include <catch2/catch_test_macros.hpp>

namespace beit {

namespace {
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
}

TEST_CASE("load4 and store4 take any address", "[simd]") {
  std::array<float, 12> from{}, to{};
  for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<float>(i) + 0.5f;
  for (size_t offset = 0; offset < 4; ++offset) {
    to.fill(-1.0f);
    store4(to.data() + offset, load4(from.data() + 2 * offset));
    for (size_t i = 0; i < to.size(); ++i) CHECK(to[i] == (i >= offset && i < offset + 4 ? from[i + offset] : -1.0f));
  }
}

TEST_CASE("multiplyAdd is a product and a sum, rounded once or twice", "[simd]") {
  const F32x4 a{1.0f / 3.0f, -7.0f, 1e20f, 0.1f}, b{3.0f, 0.25f, 1e-20f, 0.1f}, c{-1.0f, 2.0f, 1.0f, 0.0f};
  const F32x4 got = multiplyAdd(a, b, c);
  for (int i = 0; i < 4; ++i) {
    const double product = static_cast<double>(a[i]) * b[i];
    // Half a unit in the last place of the product and of the sum.
    CHECK(std::abs(got[i] - (product + c[i])) <= 6e-8 * (std::abs(product) + std::abs(product + c[i])));
  }
}

TEST_CASE("min4 and max4 choose by lane and return a where it is a NaN", "[simd]") {
  const F32x4 a{1.0f, 5.0f, kNaN, 2.0f}, b{2.0f, -5.0f, 3.0f, kNaN};
  const F32x4 low = min4(a, b), high = max4(a, b);
  CHECK(low[0] == 1.0f);
  CHECK(low[1] == -5.0f);
  CHECK(std::isnan(low[2]));
  CHECK(low[3] == 2.0f);
  CHECK(high[0] == 2.0f);
  CHECK(high[1] == 5.0f);
  CHECK(std::isnan(high[2]));
  CHECK(high[3] == 2.0f);
}

TEST_CASE("sum and max reach every lane", "[simd]") {
  for (int lane = 0; lane < 4; ++lane) {
    F32x4 v = splat4(-3.0f);
    v[lane] = 4.0f;
    CHECK(reduceAdd(v) == -5.0f);
    CHECK(reduceMax(v) == 4.0f);
  }
}

}  // namespace beit
