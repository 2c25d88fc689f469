#include "src/kernels/gemm/f32.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "tests/support/random.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

constexpr float kUntouched = -7.5f;

struct Product {
  int64_t rows, inputs, outputs;
  std::vector<float> x, weight, bias;
};

Product randomProduct(int64_t rows, int64_t inputs, int64_t outputs, test::Random& random) {
  const auto floats = [&](int64_t count) { return random.floats(static_cast<size_t>(count), -1.0f, 1.0f); };
  return {rows, inputs, outputs, floats(rows * inputs), floats(outputs * inputs), floats(outputs)};
}

double expected(const Product& p, bool has_bias, int64_t r, int64_t o) {
  double sum = has_bias ? static_cast<double>(p.bias[static_cast<size_t>(o)]) : 0.0;
  for (int64_t k = 0; k < p.inputs; ++k)
    sum += static_cast<double>(p.x[static_cast<size_t>(r * p.inputs + k)]) *
           static_cast<double>(p.weight[static_cast<size_t>(o * p.inputs + k)]);
  return sum;
}

PackedMatrix pack(const Product& p, bool has_bias) {
  auto matrix = PackedMatrix::pack(test::execution(), p.inputs, p.outputs, p.weight.data(), p.inputs, has_bias ? p.bias.data() : nullptr);
  REQUIRE(matrix.ok());
  return std::move(matrix).value();
}

}  // namespace

TEST_CASE("A packed product is x W^T + b of any size", "[f32_gemm]") {
  test::Random random(1);
  const Execution& execution = test::execution(GENERATE(test::Tiles::kUsual, test::Tiles::kTall, test::Tiles::kWide, test::Tiles::kFlat));
  for (int64_t rows = 1; rows <= 20; ++rows)
    for (const int64_t inputs : {1, 2, 3, 5, 8, 37})
      for (const int64_t outputs : {1, 4, 7, 8, 9, 31}) {
        const bool has_bias = random.below(2) == 1;
        CAPTURE(rows, inputs, outputs, has_bias);
        const Product p = randomProduct(rows, inputs, outputs, random);
        // Exactly sized, so that AddressSanitizer sees every float too many.
        std::vector<float> y(static_cast<size_t>(rows * outputs), kUntouched);
        pack(p, has_bias).multiply(execution, rows, p.x.data(), inputs, y.data(), outputs);
        double worst = 0.0;
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t o = 0; o < outputs; ++o)
            worst = std::max(worst, std::fabs(static_cast<double>(y[static_cast<size_t>(r * outputs + o)]) - expected(p, has_bias, r, o)));
        CHECK(worst <= 1e-5);  // at most 38 terms below 1, each rounded
      }
}

TEST_CASE("A packed product is the same in one thread and cut into tasks", "[f32_gemm]") {
  test::Random random(2);
  for (const int64_t rows : {300, 1000}) {  // 2000 inputs are 8000 bytes a row: several blocks of rows
    const Product p = randomProduct(rows, 2000, 45, random);
    const PackedMatrix matrix = pack(p, true);
    std::vector<float> alone(static_cast<size_t>(rows * 45)), shared(alone.size());
    matrix.multiply(test::execution().microkernels(), rows, p.x.data(), 2000, alone.data(), 45);
    matrix.multiply(test::execution(), rows, p.x.data(), 2000, shared.data(), 45);
    CHECK(alone == shared);
    for (const int64_t r : {int64_t{0}, rows / 2, rows - 1})
      CHECK(std::fabs(static_cast<double>(alone[static_cast<size_t>(r * 45 + 44)]) - expected(p, true, r, 44)) <= 1e-4);
  }
}

TEST_CASE("Rows of a packed product may lie apart, in weights, inputs and outputs", "[f32_gemm]") {
  test::Random random(3);
  constexpr int64_t kRows = 6, kInputs = 11, kOutputs = 13, kOut = 20, kIn = 17;
  const Product p = randomProduct(kRows, kInputs, kOutputs, random);
  std::vector<float> x(kRows * kIn, kUntouched), weight(kOutputs * kIn, kUntouched), y(kRows * kOut, kUntouched);
  for (int64_t r = 0; r < kRows; ++r) std::copy_n(p.x.data() + r * kInputs, kInputs, x.data() + r * kIn);
  for (int64_t o = 0; o < kOutputs; ++o) std::copy_n(p.weight.data() + o * kInputs, kInputs, weight.data() + o * kIn);
  auto matrix = PackedMatrix::pack(test::execution(), kInputs, kOutputs, weight.data(), kIn, nullptr);
  REQUIRE(matrix.ok());
  matrix->multiply(Microkernels{}, kRows, x.data(), kIn, y.data(), kOut);
  for (int64_t r = 0; r < kRows; ++r)
    for (int64_t o = 0; o < kOut; ++o) {
      CAPTURE(r, o);
      const float got = y[static_cast<size_t>(r * kOut + o)];
      if (o < kOutputs) CHECK(std::fabs(static_cast<double>(got) - expected(p, false, r, o)) <= 1e-5);
      else CHECK(got == kUntouched);
    }
}

TEST_CASE("Matrices packed by rows and by columns give the same product, and padding has no influence", "[f32_gemm]") {
  test::Random random(5);
  for (int64_t rows = 1; rows <= 9; ++rows)
    for (const int64_t inputs : {1, 2, 4, 7, 12, 33})
      for (const int64_t outputs : {1, 8, 18}) {
        CAPTURE(rows, inputs, outputs);
        const Product p = randomProduct(rows, inputs, outputs, random);
        const int64_t stride = outputs + 3;
        // Exactly sized, and with NaN between the rows: neither may be read.
        std::vector<float> transposed(static_cast<size_t>((inputs - 1) * stride + outputs), std::numeric_limits<float>::quiet_NaN());
        for (int64_t o = 0; o < outputs; ++o)
          for (int64_t k = 0; k < inputs; ++k)
            transposed[static_cast<size_t>(k * stride + o)] = p.weight[static_cast<size_t>(o * inputs + k)];
        const auto size = static_cast<size_t>(packedFloats(inputs, outputs));
        std::vector<float> by_rows(size, kUntouched), by_columns(size, kUntouched);
        packRows(inputs, outputs, p.weight.data(), inputs, by_rows.data());
        packColumns(inputs, outputs, transposed.data(), stride, by_columns.data());
        CHECK(by_rows == by_columns);
        std::vector<float> y(static_cast<size_t>(rows * stride), kUntouched);
        multiplyPacked(Microkernels{}, rows, inputs, outputs, p.x.data(), inputs, by_columns.data(), nullptr, y.data(), stride);
        double worst = 0.0;
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t o = 0; o < stride; ++o) {
            const float got = y[static_cast<size_t>(r * stride + o)];
            if (o < outputs) worst = std::max(worst, std::fabs(static_cast<double>(got) - expected(p, false, r, o)));
            else CHECK(got == kUntouched);
          }
        CHECK(worst <= 1e-5);
      }
}

TEST_CASE("A product of no inputs is the bias", "[f32_gemm]") {
  const std::vector<float> bias(8, 2.5f);
  std::vector<float> y(3 * 5, kUntouched);
  multiplyPacked(Microkernels{}, 3, 0, 5, nullptr, 0, nullptr, bias.data(), y.data(), 5);
  CHECK(y == std::vector<float>(3 * 5, 2.5f));
}

TEST_CASE("The epilogue adds to what is there, then clamps, and keeps NaN", "[f32_gemm]") {
  test::Random random(4);
  for (const int64_t outputs : {8, 11}) {
    Product p = randomProduct(5, 9, outputs, random);
    const PackedMatrix matrix = pack(p, true);
    p.x[0] = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> old = random.floats(static_cast<size_t>(5 * outputs), -2.0f, 2.0f);
    for (const bool accumulate : {false, true})
      for (const bool relu : {false, true}) {
        CAPTURE(outputs, accumulate, relu);
        std::vector<float> y = old;
        matrix.multiply(test::execution(), 5, p.x.data(), 9, y.data(), outputs, {accumulate, relu});
        for (int64_t o = 0; o < outputs; ++o) CHECK(std::isnan(y[static_cast<size_t>(o)]));
        for (int64_t r = 1; r < 5; ++r)
          for (int64_t o = 0; o < outputs; ++o) {
            const auto at = static_cast<size_t>(r * outputs + o);
            double want = expected(p, true, r, o) + (accumulate ? static_cast<double>(old[at]) : 0.0);
            if (relu) want = std::max(want, 0.0);
            CHECK(std::fabs(static_cast<double>(y[at]) - want) <= 1e-5);
          }
      }
  }
}

}  // namespace beit
