#include "src/layers/concat_conv_module.h"

#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "tests/support/convolution_reference.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

// A module with random weights, and what its result is by definition.
struct Fixture {
  ParameterList parameters;
  ConcatConvModule module;
  std::vector<float> kernel, weight, bias, mean, variance;
  int64_t channels, outputs, total;

  Fixture(int64_t in, int64_t out, size_t resized, Size typical_size, WeightType type, test::Random& random)
      : channels(in), outputs(out), total(in * static_cast<int64_t>(1 + resized)) {
    module.declare(test::execution(), parameters, "m", channels, outputs, resized, typical_size, type);
    const auto count = static_cast<size_t>(outputs);
    kernel = random.floats(count * static_cast<size_t>(total) * 9, -0.3f, 0.3f);
    weight = random.floats(count, 0.5f, 1.5f);
    bias = random.floats(count, -0.5f, 0.5f);
    mean = random.floats(count, -0.5f, 0.5f);
    variance = random.floats(count, 0.5f, 1.5f);
    // The large one first: it waits for the others.
    for (const auto& [name, values] : {std::pair{"m.conv.weight", &kernel},
                                       {"m.bn.weight", &weight},
                                       {"m.bn.bias", &bias},
                                       {"m.bn.running_mean", &mean},
                                       {"m.bn.running_var", &variance}}) {
      std::vector<float> copy = *values;
      REQUIRE(parameters.find(name)->receive(copy).ok());
    }
  }

  std::vector<double> expected(const FeatureMap& map, const std::vector<FeatureMap>& smaller) const {
    std::vector<double> sum(static_cast<size_t>(map.size.area() * outputs));
    const std::vector<float> ones(static_cast<size_t>(outputs), 1.0f);
    test::addConvolution(test::toDoubles(map), map.size, channels, kernel, total, 0, ones, sum);
    for (size_t i = 0; i < smaller.size(); ++i)
      test::addConvolution(test::resized(smaller[i], map.size), map.size, channels, kernel, total, static_cast<int64_t>(1 + i) * channels,
                           ones, sum);
    for (size_t i = 0; i < sum.size(); ++i) {
      const size_t o = i % static_cast<size_t>(outputs);
      sum[i] = std::max(0.0, (sum[i] - mean[o]) / std::sqrt(variance[o] + 1e-5) * weight[o] + bias[o]);
    }
    return sum;
  }

  std::vector<float> run(const FeatureMap& map, const std::vector<FeatureMap>& smaller) const {
    std::vector<float> y(static_cast<size_t>(map.size.area() * outputs));
    ConcatConvModule::BandState kept;
    int64_t row = 0;
    for (int64_t band = 0; band < module.bands(map.size.height); ++band) {
      const auto [first, rows] = module.bandRows(band, map.size.height);
      CHECK(first == row);
      REQUIRE(module.run(test::execution(), band, map, smaller, kept, y.data() + first * map.size.width * outputs).ok());
      row = first + rows;
    }
    CHECK(row == map.size.height);
    return y;
  }
};

}  // namespace

TEST_CASE("A convolution over resized maps is that of their concatenation, borders too", "[concat_conv_module]") {
  test::Random random(1);
  struct Case {
    Size size;
    std::vector<Size> smaller;
  };
  for (const auto& [size, sizes] : {Case{{8, 8}, {{4, 4}, {2, 2}, {1, 1}}}, Case{{12, 20}, {{6, 10}, {3, 5}, {1, 2}}},
                                    Case{{5, 7}, {{1, 1}, {2, 2}, {3, 3}, {6, 6}}}, Case{{1, 1}, {{1, 1}}}, Case{{9, 4}, {{9, 4}}}}) {
    CAPTURE(size.height, size.width, sizes.size());
    const Fixture fixture(5, 6, sizes.size(), size, WeightType::kFloat32, random);
    const FeatureMap map = test::randomMap(size, 5, random);
    std::vector<FeatureMap> smaller;
    for (const Size of : sizes) smaller.push_back(test::randomMap(of, 5, random));
    CHECK(fixture.module.bands(size.height) == 1);
    CHECK(test::largestDifference(fixture.run(map, smaller), fixture.expected(map, smaller)) <= 2e-5);
  }
}

TEST_CASE("Large maps are done in bands, by Winograd's algorithm, with the same result", "[concat_conv_module]") {
  test::Random random(2);
  const Fixture fixture(64, 5, 2, {64, 32}, WeightType::kFloat32, random);
  for (const Size size : {Size{64, 32}, Size{21, 50}, Size{3, 3}}) {
    CAPTURE(size.height, size.width);
    const FeatureMap map = test::randomMap(size, 64, random);
    std::vector<FeatureMap> smaller;
    smaller.push_back(test::randomMap({(size.height + 1) / 2, (size.width + 1) / 2}, 64, random));
    smaller.push_back(test::randomMap({(size.height + 3) / 4, (size.width + 3) / 4}, 64, random));
    CHECK(fixture.module.bands(size.height) == (size.height + 7) / 8);
    CHECK(test::largestDifference(fixture.run(map, smaller), fixture.expected(map, smaller)) <= 2e-4);
  }
}

TEST_CASE("Of an int8 module all maps are multiplied in integers, in bands", "[concat_conv_module]") {
  test::Random random(4);
  const Fixture fixture(64, 5, 1, {16, 16}, WeightType::kInt8, random);
  for (const Size size : {Size{16, 16}, Size{21, 10}}) {
    CAPTURE(size.height, size.width);
    const FeatureMap map = test::randomMap(size, 64, random);
    std::vector<FeatureMap> smaller;
    smaller.push_back(test::randomMap({(size.height + 1) / 2, (size.width + 1) / 2}, 64, random));
    CHECK(fixture.module.bands(size.height) == (size.height + 7) / 8);
    const double off = test::largestDifference(fixture.run(map, smaller), fixture.expected(map, smaller));
    CHECK(off <= 0.2);  // 1152 weights below 0.3, each off by up to 0.3 / 254
    CHECK(off > 1e-4);
  }
}

TEST_CASE("Smaller maps may be multiplied in int8", "[concat_conv_module]") {
  test::Random random(3);
  const Size size{16, 12};
  const Fixture fixture(24, 7, 1, size, WeightType::kInt8, random);
  const FeatureMap map = test::randomMap(size, 24, random);
  std::vector<FeatureMap> smaller;
  smaller.push_back(test::randomMap({8, 6}, 24, random));
  const double off = test::largestDifference(fixture.run(map, smaller), fixture.expected(map, smaller));
  CHECK(off <= 0.05);  // 216 weights below 0.3, each off by up to 0.3 / 254
  CHECK(off > 1e-5);
}

}  // namespace beit
