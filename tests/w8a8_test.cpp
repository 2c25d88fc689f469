#include "src/kernels/gemm/w8a8.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "src/kernels/gemm/quantization.h"
#include "tests/support/random.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

// With relaxed SIMD the dot product is the engine's: without an exact one there is nothing to test.
void skipWithoutByteDot() {
#if defined(__wasm_relaxed_simd__)
  if (byteDot() == ByteDot::kNone) SKIP("this engine has no exact dot product of bytes");
#endif
}

// What a row's bytes stand for, chunk by chunk, in double precision.
std::vector<double> quantizedRow(const float* from, int64_t count) {
  std::vector<double> row;
  for (int64_t first = 0; first < count; first += W8A8Rows::kChunk) {
    const float* end = from + std::min(count, first + W8A8Rows::kChunk);
    const float low = *std::min_element(from + first, end), range = *std::max_element(from + first, end) - low;
    const float step = range / 255.0f, inverse = range > 0.0f ? 255.0f / range : 0.0f;  // as in the library
    for (const float* x = from + first; x < end; ++x)
      row.push_back(static_cast<double>(low) + static_cast<double>(step) * std::nearbyint(std::min((*x - low) * inverse, 255.0f)));
  }
  return row;
}

std::vector<double> quantizedWeights(const float* from, int64_t count) {
  std::vector<int16_t> values(static_cast<size_t>((count + 7) / 8 * 8));
  const float scale = quantizeRow(count, from, kWeightLimit, values.data());
  std::vector<double> row;
  for (int64_t k = 0; k < count; ++k) row.push_back(static_cast<double>(scale) * values[static_cast<size_t>(k)]);
  return row;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (size_t k = 0; k < a.size(); ++k) sum += a[k] * b[k];
  return sum;
}

std::vector<float> run(const W8A8Matrix& matrix, int64_t rows, int64_t inputs, int64_t outputs, const std::vector<float>& x) {
  const auto quantized = W8A8Rows::quantize(test::execution(), rows, inputs, x.data());
  REQUIRE(quantized.ok());
  std::vector<float> y(static_cast<size_t>(rows * outputs), 1.0f);
  matrix.multiply(test::execution(), *quantized, y.data(), outputs);
  return y;
}

W8A8Matrix quantize(int64_t inputs, int64_t outputs, const std::vector<float>& weight, const float* bias) {
  auto matrix = W8A8Matrix::quantize(test::execution(), inputs, outputs, weight.data(), bias);
  REQUIRE(matrix.ok());
  return std::move(matrix).value();
}

}  // namespace

TEST_CASE("A product of bytes is that of what they stand for, at any size", "[w8a8]") {
  skipWithoutByteDot();
  test::Random random(1);
  for (const int64_t rows : {1, 2, 4, 5, 9})
    for (const int64_t inputs : {1, 2, 3, 4, 5, 8, 15, 37, 384, 385, 400, 768, 1000})
      for (const int64_t outputs : {1, 7, 8, 19}) {
        CAPTURE(rows, inputs, outputs);
        // From -0.2, as what GELU gives: the offset is not half of the range.
        const auto x = random.floats(static_cast<size_t>(rows * inputs), -0.2f, 1.0f);
        const auto weight = random.floats(static_cast<size_t>(outputs * inputs), -1.0f, 1.0f);
        const auto bias = random.floats(static_cast<size_t>(outputs), -1.0f, 1.0f);
        const auto y = run(quantize(inputs, outputs, weight, bias.data()), rows, inputs, outputs, x);
        double worst = 0.0, off = 0.0;
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t o = 0; o < outputs; ++o) {
            const double got =
                static_cast<double>(y[static_cast<size_t>(r * outputs + o)]) - static_cast<double>(bias[static_cast<size_t>(o)]);
            worst = std::max(worst, std::fabs(got - dot(quantizedRow(x.data() + r * inputs, inputs),
                                                        quantizedWeights(weight.data() + o * inputs, inputs))));
            double exact = 0.0;
            for (int64_t k = 0; k < inputs; ++k)
              exact += static_cast<double>(x[static_cast<size_t>(r * inputs + k)]) *
                       static_cast<double>(weight[static_cast<size_t>(o * inputs + k)]);
            off = std::max(off, std::fabs(got - exact));
          }
        // Sums of up to 1000 values below 1 in floats, then what 8 bits round: at most 1/510 and 1/254 of each product.
        CHECK(worst <= 2e-7 * static_cast<double>(inputs) + 1e-6);
        CHECK(off <= 0.01 * std::sqrt(static_cast<double>(inputs)) + 0.01);
      }
}

TEST_CASE("Rows that are constant, or no numbers, as bytes", "[w8a8]") {
  skipWithoutByteDot();
  constexpr int64_t kInputs = 400, kOutputs = 9;
  test::Random random(2);
  const auto weight = random.floats(kInputs * kOutputs, -1.0f, 1.0f), bias = random.floats(kOutputs, -1.0f, 1.0f);
  const W8A8Matrix matrix = quantize(kInputs, kOutputs, weight, bias.data());
  CHECK(run(matrix, 1, kInputs, kOutputs, std::vector<float>(kInputs, 0.0f)) == bias);
  const auto constant = run(matrix, 1, kInputs, kOutputs, std::vector<float>(kInputs, 2.5f));
  for (int64_t o = 0; o < kOutputs; ++o) {
    const double want = dot(std::vector<double>(kInputs, 2.5), quantizedWeights(weight.data() + o * kInputs, kInputs));
    CHECK(std::fabs(static_cast<double>(constant[static_cast<size_t>(o)] - bias[static_cast<size_t>(o)]) - want) <= 1e-4);
  }
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()})
    for (const size_t at : {0, 1, 383, 398, 399}) {
      CAPTURE(value, at);
      std::vector<float> x(2 * kInputs, 0.5f);
      x[at] = value;
      const auto y = run(matrix, 2, kInputs, kOutputs, x);
      CHECK(std::all_of(y.begin(), y.begin() + kOutputs, [](float v) { return std::isnan(v); }));
      CHECK(std::all_of(y.begin() + kOutputs, y.end(), [](float v) { return std::isfinite(v); }));
    }
}

TEST_CASE("Rows of the largest numbers that there are, as bytes", "[w8a8]") {
  skipWithoutByteDot();
  // Differences of the values and sums of products with integers overflow; what they stand for does not.
  constexpr int64_t kInputs = 400, kOutputs = 9;
  test::Random random(3);
  const auto weight = random.floats(kInputs * kOutputs, -1e-6f, 1e-6f), bias = random.floats(kOutputs, -1.0f, 1.0f);
  const W8A8Matrix matrix = quantize(kInputs, kOutputs, weight, bias.data());
  for (const float large : {2e28f, 1e38f, 3e38f}) {
    CAPTURE(large);
    auto x = random.floats(2 * kInputs, -1.0f, 1.0f);
    for (size_t i = 0; i < static_cast<size_t>(kInputs); ++i) x[i] *= large;
    x[0] = large;
    x[1] = -large;
    const auto y = run(matrix, 2, kInputs, kOutputs, x);
    for (int64_t o = 0; o < kOutputs; ++o) {
      double exact = 0.0;
      for (size_t k = 0; k < static_cast<size_t>(kInputs); ++k)
        exact += static_cast<double>(x[k]) * static_cast<double>(weight[static_cast<size_t>(o * kInputs) + k]);
      // 8 bits round a value by 1/255 of `large`, and 400 products of up to 1e-6 with it.
      CHECK(std::fabs(static_cast<double>(y[static_cast<size_t>(o)]) - exact) <= static_cast<double>(large) * 1e-6 * 0.2);
      CHECK(std::fabs(y[static_cast<size_t>(kOutputs + o)]) < 2.0f);  // the row beside it is as it was
    }
  }
}

TEST_CASE("Bytes at their largest do not saturate, of either sign", "[w8a8]") {
  skipWithoutByteDot();
  constexpr int64_t kInputs = 768;
  std::vector<int8_t> values(2 * kInputs, 127);
  std::fill(values.begin() + kInputs, values.end(), static_cast<int8_t>(-128));
  const std::vector<float> scales{1.0f, 1.0f};
  const auto matrix = W8A8Matrix::pack(test::execution(), kInputs, 2, values.data(), scales.data(), nullptr);
  REQUIRE(matrix.ok());
  std::vector<float> x(kInputs, 255.0f);
  x[0] = x[400] = 0.0f;  // so that the scale is 1 and the offset 0
  CHECK(run(*matrix, 1, kInputs, 2, x) == std::vector<float>{766.0f * 255.0f * 127.0f, -766.0f * 255.0f * 128.0f});
}

TEST_CASE("Weights that are stored as bytes give what quantising gives, and a factor scales the product", "[w8a8]") {
  skipWithoutByteDot();
  constexpr int64_t kInputs = 50, kOutputs = 11;
  test::Random random(3);
  const auto weight = random.floats(kInputs * kOutputs, -1.0f, 1.0f), bias = random.floats(kOutputs, -1.0f, 1.0f);
  const auto x = random.floats(3 * kInputs, -1.0f, 1.0f);
  std::vector<int8_t> values(kInputs * kOutputs);
  std::vector<float> scales(kOutputs);
  REQUIRE(quantizeWeights(kInputs, kOutputs, weight.data(), values.data(), scales.data()));
  auto stored = W8A8Matrix::pack(test::execution(), kInputs, kOutputs, values.data(), scales.data(), bias.data());
  REQUIRE(stored.ok());
  const auto y = run(*stored, 3, kInputs, kOutputs, x);
  CHECK(y == run(quantize(kInputs, kOutputs, weight, bias.data()), 3, kInputs, kOutputs, x));
  stored->scale(0.25f);
  auto scaled = run(*stored, 3, kInputs, kOutputs, x);
  for (float& value : scaled) value *= 4.0f;
  CHECK(scaled == y);
}

}  // namespace beit
