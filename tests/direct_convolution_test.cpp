#include "src/kernels/convolution/direct.h"

#include <algorithm>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "tests/support/convolution_reference.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

// The convolution of `map` with `kernel` (outputs, side, side, inputs) in double precision.
std::vector<double> reference(const FeatureMap& map, const std::vector<float>& kernel, const std::vector<float>& bias, int64_t side,
                              bool relu) {
  std::vector<double> result;
  const int64_t reach = (side - 1) / 2;
  for (int64_t y = 0; y < map.size.height; ++y)
    for (int64_t x = 0; x < map.size.width; ++x) {
      const float* weight = kernel.data();
      for (const float shift : bias) {
        double value = static_cast<double>(shift);
        for (int64_t dy = -reach; dy <= reach; ++dy)
          for (int64_t dx = -reach; dx <= reach; ++dx, weight += map.channels) {
            if (y + dy < 0 || y + dy >= map.size.height || x + dx < 0 || x + dx >= map.size.width) continue;
            const float* from = map.data() + ((y + dy) * map.size.width + x + dx) * map.channels;
            for (int64_t c = 0; c < map.channels; ++c) value += static_cast<double>(from[c]) * static_cast<double>(weight[c]);
          }
        result.push_back(relu ? std::max(value, 0.0) : value);
      }
    }
  return result;
}

struct Case {
  Size size;
  int64_t inputs, outputs, side;
};

}  // namespace

TEST_CASE("A direct convolution is a convolution, of every size, with kernels wider than the map", "[direct_convolution]") {
  test::Random random(1);
  // The last one's gathered inputs take two bands.
  for (const Case& c : {Case{{1, 1}, 1, 1, 1},
                        {{1, 1}, 3, 2, 7},
                        {{2, 9}, 1, 1, 3},
                        {{5, 3}, 4, 9, 3},
                        {{6, 7}, 5, 8, 1},
                        {{9, 4}, 3, 17, 7},
                        {{67, 41}, 8, 3, 7}})
    for (const bool relu : {false, true}) {
      CAPTURE(c.size.height, c.size.width, c.inputs, c.outputs, c.side, relu);
      const auto kernel = random.floats(static_cast<size_t>(c.outputs * c.side * c.side * c.inputs), -0.5f, 0.5f);
      const auto bias = random.floats(static_cast<size_t>(c.outputs), -1.0f, 1.0f);
      const FeatureMap map = test::randomMap(c.size, c.inputs, random);
      DirectConvolution convolution(c.inputs, c.outputs, c.side);
      REQUIRE(convolution.make(test::execution(), kernel.data(), bias.data(), relu).ok());
      std::vector<float> got(static_cast<size_t>(c.size.area() * c.outputs));
      REQUIRE(convolution.run(test::execution(), map, got.data()).ok());
      // 392 products below 0.5, added one by one
      CHECK(test::largestDifference(got, reference(map, kernel, bias, c.side, relu)) <= 2e-5);
    }
}

}  // namespace beit
