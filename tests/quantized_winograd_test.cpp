#include "src/kernels/convolution/quantized_winograd.h"

#include <cmath>
#include <limits>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "src/kernels/convolution/winograd.h"
#include "tests/support/convolution_reference.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

struct Case {
  Size size;
  int64_t inputs, outputs;
};

// Runs all bands. Returns the result (size, outputs).
std::vector<float> runBands(const QuantizedWinograd& convolution, const FeatureMap& map, int64_t outputs, bool relu = false,
                            test::Tiles tiles = test::Tiles::kUsual) {
  const Execution& execution = test::execution(tiles);
  std::vector<float> y(static_cast<size_t>(map.size.area() * outputs));
  const auto kernel = convolution.transform(execution);
  REQUIRE(kernel.ok());
  for (int64_t row = 0; row < map.size.height; row += WinogradConvolution::kRowsPerBand)
    REQUIRE(convolution
                .run(execution, *kernel, map, row, std::min(WinogradConvolution::kRowsPerBand, map.size.height - row),
                     y.data() + row * map.size.width * outputs, relu)
                .ok());
  return y;
}

std::vector<double> reference(const FeatureMap& map, const Case& c, const std::vector<float>& kernel, int64_t total, int64_t first,
                              const std::vector<float>& scale, const std::vector<float>& bias) {
  std::vector<double> want;
  for (int64_t i = 0; i < c.size.area(); ++i) want.insert(want.end(), bias.begin(), bias.end());
  test::addConvolution(test::toDoubles(map), c.size, c.inputs, kernel, total, first, scale, want);
  return want;
}

}  // namespace

TEST_CASE("A convolution of weights that fit 8 bits is exact but for its inputs' digits, of every size, some of the inputs, scaled",
          "[quantized_winograd]") {
  test::Random random(1);
  for (const Case& c : {Case{{1, 1}, 1, 1}, {{3, 5}, 4, 8}, {{4, 4}, 3, 2}, {{9, 6}, 5, 7}, {{13, 17}, 8, 4}, {{20, 3}, 2, 9}})
    for (const bool relu : {false, true}) {
      CAPTURE(c.size.height, c.size.width, c.inputs, c.outputs, relu);
      const int64_t total = c.inputs + 3, first = 2;
      auto kernel = random.floats(static_cast<size_t>(c.outputs * total * 9), -1.0f, 1.0f);
      for (float& weight : kernel) weight = std::round(weight * 126.0f) / 127.0f;
      for (int64_t o = 0; o < c.outputs; ++o)
        for (int64_t tap = 0; tap < 9; ++tap) kernel[static_cast<size_t>((o * total + first) * 9 + tap)] = 1.0f;  // so a step is 1 / 127
      const auto scale = random.floats(static_cast<size_t>(c.outputs), 0.5f, 1.5f);
      const auto bias = random.floats(static_cast<size_t>(c.outputs), -1.0f, 1.0f);
      const FeatureMap map = test::randomMap(c.size, c.inputs, random);
      QuantizedWinograd convolution(c.inputs, c.outputs);
      REQUIRE(convolution.make(test::execution(), kernel.data(), total, first, scale.data(), bias.data()).ok());
      std::vector<double> want = reference(map, c, kernel, total, first, scale, bias);
      if (relu)
        for (double& value : want) value = std::max(value, 0.0);
      // 72 products below 1.5; both sides have 14 bits and more
      CHECK(test::largestDifference(runBands(convolution, map, c.outputs, relu), want) <= 5e-3);
    }
}

TEST_CASE("A convolution of many channels is off by what 8 bits of its weights are worth", "[quantized_winograd]") {
  test::Random random(2);
  constexpr int64_t kOutputs = 11;
  for (const int64_t inputs : {768, 101}) {
    CAPTURE(inputs);
    const Case c{{10, 13}, inputs, kOutputs};
    const float most = std::sqrt(3.0f / (9.0f * static_cast<float>(inputs)) * 3.0f);  // outputs of about 1
    const auto kernel = random.floats(static_cast<size_t>(kOutputs * inputs * 9), -most, most);
    const std::vector<float> scale(kOutputs, 1.0f), bias(kOutputs, 0.5f);
    const FeatureMap map = test::randomMap(c.size, inputs, random);
    QuantizedWinograd convolution(inputs, kOutputs);
    REQUIRE(convolution.make(test::execution(), kernel.data(), inputs, 0, scale.data(), bias.data()).ok());
    const std::vector<double> want = reference(map, c, kernel, inputs, 0, scale, bias);
    const std::vector<float> got = runBands(convolution, map, kOutputs);
    double squares = 0.0;
    for (size_t i = 0; i < want.size(); ++i) squares += (static_cast<double>(got[i]) - want[i]) * (static_cast<double>(got[i]) - want[i]);
    const double error = std::sqrt(squares / static_cast<double>(want.size()));
    CHECK(error <= 0.008);
    CHECK(error > 1e-4);  // the weights are really rounded
  }
}

TEST_CASE("A convolution is the same to the last bit in wide tiles", "[quantized_winograd]") {
  test::Random random(4);
  for (const int64_t outputs : {9, 64, 85}) {  // of each of four parts of the panels none to three
    CAPTURE(outputs);
    const int64_t inputs = 7;
    const auto kernel = random.floats(static_cast<size_t>(outputs * inputs * 9), -1.0f, 1.0f);
    const std::vector<float> scale(static_cast<size_t>(outputs), 1.0f), bias(static_cast<size_t>(outputs), 0.5f);
    const FeatureMap map = test::randomMap({10, 13}, inputs, random);
    QuantizedWinograd convolution(inputs, outputs);
    REQUIRE(convolution.make(test::execution(), kernel.data(), inputs, 0, scale.data(), bias.data()).ok());
    CHECK(runBands(convolution, map, outputs, false, test::Tiles::kWide) == runBands(convolution, map, outputs));
  }
}

TEST_CASE("Sums of the largest products fit", "[quantized_winograd]") {
  for (const int64_t inputs : {64, 768, 4096}) {
    CAPTURE(inputs);
    const Case c{{4, 4}, inputs, 8};
    const std::vector<float> kernel(static_cast<size_t>(8 * inputs * 9), -1.0f), scale(8, 1.0f), bias(8, 0.0f);
    auto map = FeatureMap::allocate(Workspace(), c.size, inputs, "a test's map");
    REQUIRE(map.ok());
    std::fill_n(map->data(), map->count(), 1.0f);
    QuantizedWinograd convolution(inputs, 8);
    REQUIRE(convolution.make(test::execution(), kernel.data(), inputs, 0, scale.data(), bias.data()).ok());
    const std::vector<double> want = reference(*map, c, kernel, inputs, 0, scale, bias);
    CHECK(test::largestDifference(runBands(convolution, *map, 8), want) <= 1e-4 * 9.0 * static_cast<double>(inputs));
  }
}

TEST_CASE("What is not finite shows where it is used, and nowhere else", "[quantized_winograd]") {
  test::Random random(3);
  const Case c{{12, 12}, 8, 9};
  auto kernel = random.floats(static_cast<size_t>(c.outputs * c.inputs * 9), -1.0f, 1.0f);
  kernel[3 * static_cast<size_t>(c.inputs) * 9 + 5] = std::numeric_limits<float>::infinity();
  const std::vector<float> scale(9, 1.0f), bias(9, 0.0f);
  FeatureMap map = test::randomMap(c.size, c.inputs, random);
  map.data()[3] = std::numeric_limits<float>::quiet_NaN();  // at (0, 0)
  QuantizedWinograd convolution(c.inputs, c.outputs);
  REQUIRE(convolution.make(test::execution(), kernel.data(), c.inputs, 0, scale.data(), bias.data()).ok());
  const std::vector<float> got = runBands(convolution, map, c.outputs, /*relu=*/true);
  for (int64_t y = 0; y < c.size.height; ++y)
    for (int64_t x = 0; x < c.size.width; ++x)
      for (int64_t o = 0; o < c.outputs; ++o) {
        CAPTURE(y, x, o);
        const bool spoilt = o == 3 || (y < 4 && x < 4);  // the tile's
        const float value = got[static_cast<size_t>((y * c.size.width + x) * c.outputs + o)];
        if (spoilt) CHECK(std::isnan(value));
        else CHECK(std::isfinite(value));
      }
}

}  // namespace beit
