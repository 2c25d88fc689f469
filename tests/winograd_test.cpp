#include "src/kernels/convolution/winograd.h"

#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "tests/support/convolution_reference.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

struct Case {
  Size size;
  int64_t inputs, outputs;
};

// Runs all bands. Returns the result (size, outputs).
std::vector<float> runBands(const WinogradConvolution& convolution, const FeatureMap& map, int64_t outputs, bool relu) {
  std::vector<float> y(static_cast<size_t>(map.size.area() * outputs));
  for (int64_t row = 0; row < map.size.height; row += WinogradConvolution::kRowsPerBand)
    REQUIRE(convolution
                .run(test::execution(), map, row, std::min(WinogradConvolution::kRowsPerBand, map.size.height - row),
                     y.data() + row * map.size.width * outputs, relu)
                .ok());
  return y;
}

}  // namespace

TEST_CASE("A Winograd convolution is a convolution, of every size, some of the inputs, scaled", "[winograd]") {
  test::Random random(1);
  for (const Case& c : {Case{{1, 1}, 1, 1}, {{3, 5}, 4, 8}, {{4, 4}, 3, 2}, {{9, 6}, 5, 7}, {{13, 17}, 8, 4}, {{20, 3}, 2, 9}})
    for (const bool relu : {false, true}) {
      CAPTURE(c.size.height, c.size.width, c.inputs, c.outputs, relu);
      const int64_t total = c.inputs + 3, first = 2;
      const auto kernel = random.floats(static_cast<size_t>(c.outputs * total * 9), -1.0f, 1.0f);
      const auto scale = random.floats(static_cast<size_t>(c.outputs), 0.5f, 1.5f);
      const auto bias = random.floats(static_cast<size_t>(c.outputs), -1.0f, 1.0f);
      const FeatureMap map = test::randomMap(c.size, c.inputs, random);
      WinogradConvolution convolution(c.inputs, c.outputs);
      REQUIRE(convolution.make(test::execution(), kernel.data(), total, first, scale.data(), bias.data()).ok());
      std::vector<double> want;
      for (int64_t i = 0; i < c.size.area(); ++i) want.insert(want.end(), bias.begin(), bias.end());
      test::addConvolution(test::toDoubles(map), c.size, c.inputs, kernel, total, first, scale, want);
      if (relu)
        for (double& value : want) value = std::max(value, 0.0);
      // 72 products below 1.5, whose sums are rounded some ten times
      CHECK(test::largestDifference(runBands(convolution, map, c.outputs, relu), want) <= 3e-5);
    }
}

TEST_CASE("A Winograd convolution of many channels stays precise", "[winograd]") {
  test::Random random(2);
  constexpr int64_t kChannels = 256;
  const Size size{6, 7};
  const auto kernel = random.floats(static_cast<size_t>(8 * kChannels * 9), -0.036f, 0.036f);  // outputs of about 1
  const std::vector<float> scale(8, 1.0f);
  const FeatureMap map = test::randomMap(size, kChannels, random);
  WinogradConvolution convolution(kChannels, 8);
  REQUIRE(convolution.make(test::execution(), kernel.data(), kChannels, 0, scale.data(), nullptr).ok());
  std::vector<double> want(static_cast<size_t>(size.area() * 8));
  test::addConvolution(test::toDoubles(map), size, kChannels, kernel, kChannels, 0, scale, want);
  CHECK(test::largestDifference(runBands(convolution, map, 8, false), want) <= 1e-5);
}

}  // namespace beit
