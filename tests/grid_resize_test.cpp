#include "src/kernels/grid_resize.h"

#include <cmath>
#include <stdexcept>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "src/base/size.h"
#include "src/base/vector_size.h"
#include "tests/support/random.h"
#include "tests/support/reference.h"

namespace beit {

namespace {

constexpr Interpolation kModes[] = {Interpolation::kBilinear, Interpolation::kBicubic};

// torch.arange(1., 13).sin().reshape(1, 1, 3, 4)
std::vector<float> sines() {
  std::vector<float> values;
  for (int i = 1; i <= 12; ++i) values.push_back(static_cast<float>(std::sin(i)));
  return values;
}

void checkNear(const std::vector<float>& got, const std::vector<float>& want) {
  // torch computes its weights in floats.
  CHECK(test::relativeDifference(got, test::toMatrix(want, 1)) <= 5e-7);
}

}  // namespace

TEST_CASE("interpolateGrid gives what torch gives", "[grid_resize]") {
  // print(torch.nn.functional.interpolate(x, size=(4, 6) or (2, 3), mode='bilinear' or 'bicubic'))
  checkNear(interpolateGrid(sines().data(), 3, 4, 1, 4, 6, Interpolation::kBilinear),
            {0.8414710f, 0.8753842f, 0.7812678f, 0.2691495f,  -0.3078412f, -0.7568025f, -0.2837761f, -0.0587121f,
             0.2158827f, 0.4140058f, 0.3990423f, 0.3345479f,  -0.4447832f, -0.4117129f, -0.3095987f, -0.0334235f,
             0.2263772f, 0.4171340f, 0.4121185f, -0.0659513f, -0.6200160f, -0.9239954f, -0.7682816f, -0.5365730f});
  checkNear(interpolateGrid(sines().data(), 3, 4, 1, 2, 3, Interpolation::kBilinear),
            {0.4281633f, 0.4411029f, -0.2218709f, -0.0218468f, -0.5318079f, -0.2268661f});
  checkNear(interpolateGrid(sines().data(), 3, 4, 1, 4, 6, Interpolation::kBicubic),
            {0.9686221f, 1.0661463f, 0.8860117f, 0.3179254f, -0.4725094f, -0.9677474f, -0.5162266f, -0.1859264f,
             0.3038252f, 0.6069172f, 0.6349952f, 0.5168881f, -0.6763191f, -0.6423193f, -0.4113863f, -0.0146443f,
             0.4322522f, 0.6760094f, 0.6037178f, 0.0258738f, -0.7441952f, -1.0988219f, -0.9346285f, -0.6050566f});
  checkNear(interpolateGrid(sines().data(), 3, 4, 1, 2, 3, Interpolation::kBicubic),
            {0.4290266f, 0.5659879f, -0.2237979f, -0.0413574f, -0.6637511f, -0.1993203f});
}

TEST_CASE("interpolateGrid is a mixture by the kernel, for any sizes", "[grid_resize]") {
  test::Random random(1);
  const Size sizes[] = {{1, 1}, {1, 4}, {5, 1}, {2, 3}, {3, 3}, {7, 5}, {13, 27}};
  for (const Interpolation mode : kModes)
    for (const Size from : sizes)
      for (const Size to : sizes) {
        CAPTURE(mode == Interpolation::kBicubic, from.height, from.width, to.height, to.width);
        constexpr int64_t kChannels = 3;
        const auto grid = random.floats(static_cast<size_t>(from.area() * kChannels), -1.0f, 1.0f);
        const auto got = interpolateGrid(grid.data(), from.height, from.width, kChannels, to.height, to.width, mode);
        const auto want = test::resize(test::toMatrix(grid, from.area()), from, to, mode);
        CHECK(test::relativeDifference(got, want) <= 1.2e-7);  // both in double, rounded once
      }
}

TEST_CASE("The same size changes nothing", "[grid_resize]") {
  test::Random random(2);
  const auto grid = random.floats(6 * 7 * 2, -1.0f, 1.0f);
  for (const Interpolation mode : kModes) CHECK(interpolateGrid(grid.data(), 6, 7, 2, 6, 7, mode) == grid);
}

TEST_CASE("A count that a container cannot hold is thrown, and does not wrap", "[grid_resize]") {
  CHECK(vectorSize(0) == 0);
  CHECK(vectorSize(12) == 12);
  CHECK_THROWS_AS(vectorSize(-1), std::length_error);
  if (sizeof(size_t) > 4) return;  // 2^32 elements wrap to 0 in the 32 bits of wasm only
  CHECK_THROWS_AS(vectorSize(int64_t{1} << 32), std::length_error);
  const float one = 1.0f;
  CHECK_THROWS_AS(interpolateGrid(&one, 1, 1, 1, 65536, 65536, Interpolation::kBilinear), std::length_error);
}

}  // namespace beit
