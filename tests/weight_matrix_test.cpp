#include "src/kernels/gemm/weight_matrix.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "src/base/tensor.h"
#include "src/kernels/gemm/w8a8.h"
#include "tests/support/random.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

struct Layer {
  int64_t rows, inputs, outputs;
  FloatBuffer x;
  std::vector<float> weight, bias;
};

Layer randomLayer(int64_t rows, int64_t inputs, int64_t outputs, test::Random& random) {
  const auto floats = [&](int64_t count) { return random.floats(static_cast<size_t>(count), -1.0f, 1.0f); };
  auto x = FloatBuffer::copyOf(floats(rows * inputs), "rows");
  REQUIRE(x.ok());
  return {rows, inputs, outputs, std::move(x).value(), floats(outputs * inputs), floats(outputs)};
}

std::vector<float> product(const MatrixFormat& format, const Layer& layer, float scale = 1.0f) {
  const Execution& execution = test::execution();
  const auto matrix = format.pack(execution, layer.inputs, layer.outputs, layer.weight.data(), layer.bias.data(), scale);
  REQUIRE(matrix.ok());
  const auto rows = format.prepare(execution, layer.rows, layer.inputs, layer.outputs, layer.x.data());
  REQUIRE(rows.ok());
  CHECK((*rows)->rows() == layer.rows);
  std::vector<float> y(static_cast<size_t>(layer.rows * layer.outputs), NAN);
  (*matrix)->multiply(execution, **rows, y.data());
  return y;
}

// The same in double precision.
std::vector<double> exactProduct(const Layer& layer, float scale = 1.0f) {
  std::vector<double> y;
  y.reserve(static_cast<size_t>(layer.rows * layer.outputs));
  for (int64_t row = 0; row < layer.rows; ++row) {
    const float* x = layer.x.data() + row * layer.inputs;
    for (int64_t output = 0; output < layer.outputs; ++output) {
      const float* weight = layer.weight.data() + output * layer.inputs;
      double sum = layer.bias[static_cast<size_t>(output)];
      for (int64_t i = 0; i < layer.inputs; ++i) sum += static_cast<double>(x[i]) * weight[i];
      y.push_back(sum * scale);
    }
  }
  return y;
}

template <typename Value>
double worstDifference(const std::vector<float>& a, const std::vector<Value>& b) {
  double worst = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!(difference <= worst)) worst = difference;  // a NaN stays
  }
  return worst;
}

}  // namespace

TEST_CASE("Formats of floats agree with products in double precision", "[weight_matrix]") {
  test::Random random(11);
  for (const int64_t rows : {1, 4, 7, 97, 197})  // from 96 rows of 256 inputs on in Strassen's form
    for (const int64_t inputs : {1, 3, 64, 256})
      for (const int64_t outputs : {1, 5, 8, 67, 256})
        for (const float scale : {1.0f, 0.25f}) {
          CAPTURE(rows, inputs, outputs, scale);
          const Layer layer = randomLayer(rows, inputs, outputs, random);
          CHECK(worstDifference(product(formatOf(WeightType::kFloat32), layer, scale), exactProduct(layer, scale)) <=
                2e-7 * static_cast<double>(inputs) + 1e-6);
        }
}

TEST_CASE("Quantised formats are near the product in double precision", "[weight_matrix]") {
  test::Random random(12);
  for (const int64_t inputs : {64, 768})
    for (const int64_t outputs : {8, 67}) {
      CAPTURE(inputs, outputs);
      const Layer layer = randomLayer(9, inputs, outputs, random);
      // Weights are rounded to 1/254 of the largest, and so are bytes of inputs: sums of that many errors of both signs.
      CHECK(worstDifference(product(formatOf(WeightType::kInt8), layer), exactProduct(layer)) <=
            0.02 * std::sqrt(static_cast<double>(inputs)));
    }
}

TEST_CASE("Rows that are prepared once serve large matrices and small ones", "[weight_matrix]") {
  test::Random random(14);
  const Execution& execution = test::execution();
  for (const WeightType type : {WeightType::kFloat32, WeightType::kInt8}) {
    const MatrixFormat& format = formatOf(type);
    Layer layer = randomLayer(100, 512, 512, random);  // in Strassen's form
    const auto rows = format.prepare(execution, layer.rows, layer.inputs, layer.outputs, layer.x.data());
    REQUIRE(rows.ok());
    for (const int64_t outputs : {512, 67}) {
      CAPTURE(static_cast<int>(type), outputs);
      layer.outputs = outputs;
      const auto matrix = format.pack(execution, layer.inputs, outputs, layer.weight.data(), layer.bias.data(), 1.0f);
      REQUIRE(matrix.ok());
      std::vector<float> y(static_cast<size_t>(layer.rows * outputs), NAN);
      (*matrix)->multiply(execution, **rows, y.data());
      CHECK(worstDifference(y, exactProduct(layer)) <= (type == WeightType::kInt8 ? 0.02 * std::sqrt(512.0) : 2e-4));
    }
  }
}

TEST_CASE("Matrices are the same to the last bit, whatever number of threads packs them", "[weight_matrix]") {
  test::Random random(15);
  const auto single = Execution::create(1);
  REQUIRE(single.ok());
  constexpr int64_t kRows = 3, kInputs = 37;
  for (const int64_t outputs : {1, 8, 131, 256}) {  // one task, and several with a last one that is short
    const Layer layer = randomLayer(kRows, kInputs, outputs, random);
    std::vector<int8_t> values(static_cast<size_t>(kInputs * outputs));
    for (int8_t& value : values) value = static_cast<int8_t>(static_cast<int>(random.below(255)) - 127);
    for (const WeightType type : {WeightType::kFloat32, WeightType::kInt8}) {
      CAPTURE(outputs, static_cast<int>(type));
      const MatrixFormat& format = formatOf(type);
      const auto multiplied = [&](const Result<std::unique_ptr<WeightMatrix>>& matrix) {
        REQUIRE(matrix.ok());
        const auto rows = format.prepare(test::execution(), kRows, kInputs, outputs, layer.x.data());
        REQUIRE(rows.ok());
        std::vector<float> y(static_cast<size_t>(kRows * outputs), NAN);
        (*matrix)->multiply(test::execution(), **rows, y.data());
        return y;
      };
      const auto packed = [&](const Execution& execution) {
        return multiplied(format.pack(execution, kInputs, outputs, layer.weight.data(), layer.bias.data(), 0.5f));
      };
      CHECK(packed(**single) == packed(test::execution()));
      if (!format.takesQuantized()) continue;
      const auto stored = [&](const Execution& execution) {
        return multiplied(format.packQuantized(execution, kInputs, outputs, values.data(), layer.bias.data(), layer.bias.data(), 1.0f));
      };
      CHECK(stored(**single) == stored(test::execution()));
    }
  }
}

TEST_CASE("A format says what it takes", "[weight_matrix]") {
  CHECK_FALSE(formatOf(WeightType::kFloat32).takesQuantized());
  CHECK(formatOf(WeightType::kInt8).takesQuantized());
  CHECK(&formatOf(WeightType::kInt8) == &formatOf(WeightType::kInt8));
  CHECK(formatOf(WeightType::kFloat32).weightBytes(3, 9) == 4 * 3 * 16);
  CHECK(formatOf(WeightType::kInt8).weightBytes(768, 768) < formatOf(WeightType::kFloat32).weightBytes(768, 768) / 3);

  // A format of floats refuses what it cannot take, and says so.
  const int8_t values[4] = {};
  const float scales[2] = {1.0f, 1.0f};
  const auto refused = formatOf(WeightType::kFloat32).packQuantized(test::execution(), 2, 2, values, scales, nullptr, 1.0f);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::kInternal);
}

TEST_CASE("Weights that are stored quantised give what the same weights as floats give", "[weight_matrix]") {
  test::Random random(13);
  constexpr int64_t kInputs = 24, kOutputs = 11;
  Layer layer = randomLayer(5, kInputs, kOutputs, random);
  std::vector<int8_t> values(kInputs * kOutputs);
  std::vector<float> scales(kOutputs);
  for (int64_t o = 0; o < kOutputs; ++o) {
    scales[static_cast<size_t>(o)] = 0.25f / static_cast<float>(o + 1);
    for (int64_t i = 0; i < kInputs; ++i) {
      const auto at = static_cast<size_t>(o * kInputs + i);
      values[at] = static_cast<int8_t>(i == 0 ? 127 : static_cast<int>(random.below(255)) - 127);
      layer.weight[at] = static_cast<float>(values[at]) * scales[static_cast<size_t>(o)];
    }
  }
  const MatrixFormat& format = formatOf(WeightType::kInt8);
  const auto stored = format.packQuantized(test::execution(), kInputs, kOutputs, values.data(), scales.data(), layer.bias.data(), 0.5f);
  REQUIRE(stored.ok());
  const auto rows = format.prepare(test::execution(), layer.rows, kInputs, kOutputs, layer.x.data());
  REQUIRE(rows.ok());
  std::vector<float> y(static_cast<size_t>(layer.rows * kOutputs));
  (*stored)->multiply(test::execution(), **rows, y.data());
  CHECK(worstDifference(y, product(format, layer, 0.5f)) <= 1e-6);
}

}  // namespace beit
