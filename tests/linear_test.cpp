#include "src/layers/linear.h"

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "src/kernels/gemm/w8a8.h"
#include "tests/support/random.h"
#include "tests/support/reference.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

// Runs `rows` random rows through the layer and returns its distance to the reference.
double differenceOf(const Linear& layer, const test::Weights& weights, int64_t rows, float scale, test::Random& random) {
  const auto x = FloatBuffer::copyOf(random.floats(static_cast<size_t>(rows * layer.inputs()), -1.0f, 1.0f), "x");
  auto y = FloatBuffer::allocate(rows * layer.outputs(), "y");
  REQUIRE((x.ok() && y.ok()));
  REQUIRE(layer.run(test::execution(), rows, x->data(), y->data()).ok());
  const test::Matrix want = static_cast<double>(scale) * test::linear(test::toMatrix(x->span(), rows), weights, "layer");
  return test::relativeDifference(y->span(), want);
}

}  // namespace

TEST_CASE("Linear is x W^T + b of any size, with and without bias and scale", "[linear]") {
  test::Random random(1);
  for (const int64_t inputs : {1, 2, 3, 9, 64, 130})
    for (const int64_t outputs : {1, 2, 5, 12, 67})
      for (const bool has_bias : {false, true})
        for (const auto& [type, scale] :
             {std::pair{WeightType::kFloat32, 1.0f}, {WeightType::kFloat32, 0.25f}, {WeightType::kInt8, 0.25f}}) {
          const bool quantized = type == WeightType::kInt8;
          CAPTURE(inputs, outputs, has_bias, scale, quantized);
          ParameterList parameters;
          Linear layer;
          layer.declare(test::execution(), parameters, "layer", inputs, outputs, has_bias, type, scale);
          CHECK_FALSE(layer.ready());
          REQUIRE(parameters.all().size() == (has_bias ? 2u : 1u));
          REQUIRE(parameters.find("layer.weight"));
          CHECK(parameters.find("layer.weight")->shape == Shape{outputs, inputs});
          const auto weights = test::randomWeights(parameters, static_cast<uint32_t>(inputs * 100 + outputs));
          REQUIRE(test::fill(parameters, weights).ok());
          CHECK(layer.ready());
          CHECK(layer.inputs() == inputs);
          CHECK(layer.outputs() == outputs);
          // Sums of up to 130 products near 1, each rounded; a quantised weight is off by up to 1/254 of
          // the largest, with either sign.
          for (const int64_t rows : {1, 2, 7, 33}) CHECK(differenceOf(layer, weights, rows, scale, random) <= (quantized ? 1e-2 : 2e-6));
        }
}

TEST_CASE("A NaN in one row leaves the others alone, however many rows there are", "[linear]") {
  constexpr int64_t kInputs = 256, kOutputs = 256;
  for (const WeightType type : {WeightType::kFloat32, WeightType::kInt8})
    for (const int64_t rows : {5, 101}) {  // plainly, and in Strassen's way where all are numbers
      CAPTURE(rows, type == WeightType::kInt8);
      ParameterList parameters;
      Linear layer;
      layer.declare(test::execution(), parameters, "layer", kInputs, kOutputs, /*has_bias=*/true, type);
      const auto weights = test::randomWeights(parameters, 3);
      REQUIRE(test::fill(parameters, weights).ok());
      test::Random random(4);
      auto x = random.floats(static_cast<size_t>(rows * kInputs), -1.0f, 1.0f);
      const test::Matrix want = test::linear(test::toMatrix(x, rows), weights, "layer");
      const int64_t odd = rows - 1;
      x[static_cast<size_t>(odd * kInputs + 7)] = std::numeric_limits<float>::quiet_NaN();
      auto y = FloatBuffer::allocate(rows * kOutputs, "y");
      REQUIRE(y.ok());
      REQUIRE(layer.run(test::execution(), rows, x.data(), y->data()).ok());
      CHECK(test::relativeDifference(y->span().first(static_cast<size_t>(odd * kOutputs)), want.topRows(odd)) <= 3e-2);
      for (int64_t o = 0; o < kOutputs; ++o) CHECK(std::isnan(y->data()[odd * kOutputs + o]));
    }
}

TEST_CASE("Linear takes weight and bias in either order", "[linear]") {
  test::Random random(2);
  for (const bool weight_first : {false, true}) {
    CAPTURE(weight_first);
    ParameterList parameters;
    Linear layer;
    layer.declare(test::execution(), parameters, "layer", 5, 3, /*has_bias=*/true, WeightType::kFloat32, 0.5f);
    auto weights = test::randomWeights(parameters, 3);
    const auto expected = weights;
    const auto deliver = [&](const std::string& name) {
      CHECK_FALSE(layer.ready());
      const auto index = static_cast<size_t>(parameters.find(name) - parameters.all().data());
      REQUIRE(parameters.deliver(index, weights.at(name)).ok());
      // The caller's memory is used for the next tensor.
      for (float& value : weights.at(name)) value = 1e30f;
    };
    deliver(weight_first ? "layer.weight" : "layer.bias");
    deliver(weight_first ? "layer.bias" : "layer.weight");
    REQUIRE(layer.ready());
    CHECK(differenceOf(layer, expected, 4, 0.5f, random) <= 1e-6);
  }
}

TEST_CASE("Layers that share an input give what each gives alone", "[linear]") {
  test::Random random(6);
  for (const WeightType type : {WeightType::kFloat32, WeightType::kInt8}) {
    const bool quantized = type == WeightType::kInt8;
    CAPTURE(quantized);
    const std::vector<float> x = random.floats(9 * 21, -1.0f, 1.0f);
    const auto input = formatOf(type).prepare(test::execution(), 9, 21, /*outputs=*/16, x.data());
    REQUIRE(input.ok());
    for (const int64_t outputs : {3, 16}) {
      ParameterList parameters;
      Linear layer;
      layer.declare(test::execution(), parameters, "layer", 21, outputs, /*has_bias=*/true, type);
      REQUIRE(test::fill(parameters, test::randomWeights(parameters, 7)).ok());
      std::vector<float> shared(static_cast<size_t>(9 * outputs)), alone(shared.size());
      layer.run(test::execution(), **input, shared.data());
      REQUIRE(layer.run(test::execution(), 9, x.data(), alone.data()).ok());
      CHECK(shared == alone);
    }
  }
}

TEST_CASE("A convolution without overlap is a layer over its patches", "[linear]") {
  test::Random random(4);
  ParameterList parameters;
  Linear layer;
  layer.declareConvolution(test::execution(), parameters, "layer", {6, 3, 2, 5});
  CHECK(parameters.find("layer.weight")->shape == Shape{6, 3, 2, 5});
  CHECK(parameters.find("layer.bias")->shape == Shape{6});
  const auto weights = test::randomWeights(parameters, 5);
  REQUIRE(test::fill(parameters, weights).ok());
  CHECK(layer.inputs() == 30);
  CHECK(layer.outputs() == 6);
  CHECK(differenceOf(layer, weights, 11, 1.0f, random) <= 1e-6);
}

}  // namespace beit
