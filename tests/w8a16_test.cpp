#include "src/kernels/gemm/w8a16.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "tests/support/random.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Integers and the scale of one row, in double precision.
struct Row {
  std::vector<double> values;
  double scale = 0.0;
};

Row quantized(const float* from, int64_t count, int64_t limit) {
  Row row{std::vector<double>(static_cast<size_t>(count)), 0.0};
  float most = 0.0f;
  for (int64_t i = 0; i < count; ++i) most = std::max(most, std::fabs(from[i]));
  if (most == 0.0f) return row;
  const float inverse = static_cast<float>(limit) / most;  // as in the library: rounding is of this product
  for (int64_t i = 0; i < count; ++i) row.values[static_cast<size_t>(i)] = std::nearbyint(from[i] * inverse);
  row.scale = static_cast<double>(most) / static_cast<double>(limit);
  return row;
}

// Returns x W^T + b of the quantised operands: sums of integers, exact in double precision.
std::vector<double> reference(int64_t rows, int64_t inputs, int64_t outputs, const std::vector<float>& x, const std::vector<float>& weight,
                              const std::vector<float>& bias) {
  std::vector<double> y;
  for (int64_t r = 0; r < rows; ++r) {
    const Row left = quantized(x.data() + r * inputs, inputs, activationLimit(inputs));
    for (int64_t o = 0; o < outputs; ++o) {
      const Row right = quantized(weight.data() + o * inputs, inputs, 127);
      double sum = 0.0;
      for (size_t k = 0; k < left.values.size(); ++k) sum += left.values[k] * right.values[k];
      y.push_back(sum * left.scale * right.scale + static_cast<double>(bias[static_cast<size_t>(o)]));
    }
  }
  return y;
}

std::vector<float> run(const W8A16Matrix& matrix, int64_t rows, int64_t inputs, int64_t outputs, const std::vector<float>& x,
                       GemmEpilogue epilogue = {}, test::Tiles tiles = test::Tiles::kUsual) {
  const Execution& execution = test::execution(tiles);
  const auto quantized_rows = W8A16Rows::quantize(execution, rows, inputs, x.data(), activationLimit(inputs));
  REQUIRE(quantized_rows.ok());
  std::vector<float> y(static_cast<size_t>(rows * outputs), 1.0f);
  matrix.multiply(execution, *quantized_rows, y.data(), outputs, epilogue);
  return y;
}

W8A16Matrix quantize(int64_t inputs, int64_t outputs, const std::vector<float>& weight, const float* bias) {
  auto matrix = W8A16Matrix::quantize(test::execution(), inputs, outputs, weight.data(), bias);
  REQUIRE(matrix.ok());
  return std::move(matrix).value();
}

double worstOf(const std::vector<float>& got, const std::vector<double>& want) {
  double worst = got.size() == want.size() ? 0.0 : 1e9;
  for (size_t i = 0; i < want.size(); ++i)
    worst = std::max(worst, std::fabs(static_cast<double>(got[i]) - want[i]) / std::max(1.0, std::fabs(want[i])));
  return worst;
}

}  // namespace

TEST_CASE("A quantised product is that of the integers, at any size", "[w8a16]") {
  test::Random random(1);
  for (int64_t rows = 1; rows <= 20; ++rows)
    for (const int64_t inputs : {1, 2, 3, 7, 8, 9, 37})
      for (const int64_t outputs : {1, 4, 8, 9, 31}) {
        CAPTURE(rows, inputs, outputs);
        const auto floats = [&](int64_t count) { return random.floats(static_cast<size_t>(count), -1.0f, 1.0f); };
        const auto x = floats(rows * inputs), weight = floats(outputs * inputs), bias = floats(outputs);
        const auto got = run(quantize(inputs, outputs, weight, bias.data()), rows, inputs, outputs, x);
        // A sum rounds to a float, so do its scale and the addition of the bias.
        CHECK(worstOf(got, reference(rows, inputs, outputs, x, weight, bias)) <= 1e-6);
      }
}

TEST_CASE("A tile of integers reads its rows and panels and writes its columns, and nothing else", "[w8a16]") {
  test::Random random(5);
  for (int64_t rows = 1; rows <= kMr; ++rows)
    for (int64_t columns = 1; columns <= kMostPanels * kNr; ++columns)
      for (const int64_t depth : {0, 2, 4, 6, 8, 10, 38}) {
        CAPTURE(rows, columns, depth);
        // Each array ends where what the tile may read does.
        const int64_t width = panelsOf(columns) * kNr, output_stride = columns + 2;
        const auto integers = [&](int64_t count) {
          std::vector<int16_t> values;
          for (const float value : random.floats(static_cast<size_t>(count), -99.0f, 99.0f)) values.push_back(static_cast<int16_t>(value));
          return values;
        };
        const auto floats = [&](int64_t count) { return random.floats(static_cast<size_t>(count), -1.0f, 1.0f); };
        const auto input = integers(depth * kMr), panels = integers(depth * width);
        const auto row_scales = floats(rows), scales = floats(width), bias = floats(width);
        std::vector<float> y(static_cast<size_t>((rows - 1) * output_stride + columns), 7.0f);
        w8a16Microkernel(rows, columns, static_cast<size_t>(depth), input.data(), row_scales.data(), panels.data(), scales.data(),
                         bias.data(), y.data(), output_stride, {});
        double worst = 0.0;
        for (size_t i = 0; i < y.size(); ++i) {
          const int64_t r = static_cast<int64_t>(i) / output_stride, c = static_cast<int64_t>(i) % output_stride;
          double want = 7.0;
          if (c < columns) {
            int64_t sum = 0;
            for (int64_t k = 0; k < depth; ++k)
              sum += input[static_cast<size_t>((k / 2 * kMr + r) * 2 + k % 2)] *
                     panels[static_cast<size_t>(c / kNr * depth * kNr + (k / 2 * kNr + c % kNr) * 2 + k % 2)];
            const auto of = [](const std::vector<float>& values, int64_t at) {
              return static_cast<double>(values[static_cast<size_t>(at)]);
            };
            want = static_cast<double>(sum) * of(row_scales, r) * of(scales, c) + of(bias, c);
          }
          worst = std::max(worst, std::fabs(static_cast<double>(y[i]) - want) / std::max(1.0, std::fabs(want)));
        }
        CHECK(worst <= 1e-6);
      }
}

TEST_CASE("Quantised products are the same to the last bit in wide tiles", "[w8a16]") {
  test::Random random(6);
  for (const int64_t rows : {1, 3, 4, 5, 18, 97})
    for (const int64_t outputs : {1, 8, 9, 16, 17, 24, 31, 40, 256}) {
      constexpr int64_t kInputs = 131;
      CAPTURE(rows, outputs);
      const auto x = random.floats(static_cast<size_t>(rows * kInputs), -1.0f, 1.0f),
                 weight = random.floats(static_cast<size_t>(outputs * kInputs), -1.0f, 1.0f),
                 bias = random.floats(static_cast<size_t>(outputs), -1.0f, 1.0f);
      const W8A16Matrix matrix = quantize(kInputs, outputs, weight, bias.data());
      for (const bool epilogue : {false, true}) {
        const auto product = [&](test::Tiles tiles) { return run(matrix, rows, kInputs, outputs, x, {epilogue, epilogue}, tiles); };
        CHECK(product(test::Tiles::kWide) == product(test::Tiles::kUsual));
      }
    }
}

TEST_CASE("Sums of integers fit 32 bits whatever the signs, at depths of models", "[w8a16]") {
  for (const int64_t inputs : {512, 768, 3072, 6144, 70001}) {
    CAPTURE(inputs);
    REQUIRE(activationLimit(inputs) * inputs * 128 <= std::numeric_limits<int32_t>::max());
    CHECK(activationLimit(inputs) >= 239);
    // All at the limit: the largest sums there are, of both signs.
    const std::vector<float> x(static_cast<size_t>(inputs), 3.0f), bias(2, 0.0f);
    std::vector<float> weight(static_cast<size_t>(2 * inputs), 0.5f);
    std::fill(weight.begin() + inputs, weight.end(), -0.25f);
    const auto y = run(quantize(inputs, 2, weight, nullptr), 1, inputs, 2, x);
    CHECK(worstOf(y, {1.5 * static_cast<double>(inputs), -0.75 * static_cast<double>(inputs)}) <= 1e-6);
  }
  CHECK(activationLimit(1) == 32767);
  CHECK(activationLimit(768) == 21845);
  CHECK(activationLimit(3072) == 5461);
}

TEST_CASE("Rows that hold extremes", "[w8a16]") {
  constexpr int64_t kInputs = 13, kOutputs = 9;
  test::Random random(2);
  const auto weight = random.floats(kOutputs * kInputs, -1.0f, 1.0f), bias = random.floats(kOutputs, -1.0f, 1.0f);
  const W8A16Matrix matrix = quantize(kInputs, kOutputs, weight, bias.data());
  const auto row = [&](float fill, int64_t at, float value) {
    std::vector<float> x(kInputs, fill);
    x[static_cast<size_t>(at)] = value;
    return x;
  };
  SECTION("a row of zeros, and one of next to nothing, give the bias") {
    CHECK(run(matrix, 1, kInputs, kOutputs, row(0.0f, 0, -0.0f)) == bias);
    CHECK(run(matrix, 1, kInputs, kOutputs, row(0.0f, 5, 1e-40f)) == bias);
  }
  SECTION("one huge value leaves nothing of small ones, and stays finite") {
    const auto x = row(1.0f, 3, 3e38f);
    for (const float value : run(matrix, 1, kInputs, kOutputs, x)) CHECK_FALSE(std::isnan(value));
    const auto tame = row(1.0f, 3, 3e30f);
    CHECK(worstOf(run(matrix, 1, kInputs, kOutputs, tame), reference(1, kInputs, kOutputs, tame, weight, bias)) <= 1e-6);
  }
  SECTION("what is not finite makes its row NaN, and no other") {
    for (const float bad : {kNaN, kInfinity, -kInfinity})
      for (const int64_t at : {0, 6, 12}) {
        CAPTURE(bad, at);
        std::vector<float> x = random.floats(5 * kInputs, -1.0f, 1.0f);
        const auto clean = run(matrix, 5, kInputs, kOutputs, x);
        x[static_cast<size_t>(2 * kInputs + at)] = bad;
        const auto y = run(matrix, 5, kInputs, kOutputs, x);
        for (size_t i = 0; i < y.size(); ++i) {
          if (i / kOutputs == 2) CHECK(std::isnan(y[i]));
          else CHECK(y[i] == clean[i]);
        }
      }
  }
  SECTION("a weight that is not finite makes its output NaN, and no other") {
    for (const float bad : {kNaN, kInfinity}) {
      auto broken = weight;
      broken[4 * kInputs + 12] = bad;
      const auto x = random.floats(3 * kInputs, -1.0f, 1.0f);
      const auto y = run(quantize(kInputs, kOutputs, broken, bias.data()), 3, kInputs, kOutputs, x);
      for (size_t i = 0; i < y.size(); ++i) CHECK(std::isnan(y[i]) == (i % kOutputs == 4));
    }
  }
}

TEST_CASE("Weights that are stored quantised give the same as those quantised here", "[w8a16]") {
  test::Random random(3);
  for (const int64_t inputs : {1, 8, 16, 21, 35})
    for (const int64_t outputs : {3, 8, 18}) {
      CAPTURE(inputs, outputs);
      const auto weight = random.floats(static_cast<size_t>(inputs * outputs), -3.0f, 3.0f);
      std::vector<int8_t> values;
      std::vector<float> scales;
      for (int64_t o = 0; o < outputs; ++o) {
        const Row row = quantized(weight.data() + o * inputs, inputs, 127);
        for (const double value : row.values) values.push_back(static_cast<int8_t>(value));
        float most = 0.0f;
        for (int64_t k = 0; k < inputs; ++k) most = std::max(most, std::fabs(weight[static_cast<size_t>(o * inputs + k)]));
        scales.push_back(most / 127.0f);
      }
      const auto bias = random.floats(static_cast<size_t>(outputs), -1.0f, 1.0f);
      const auto stored = W8A16Matrix::pack(test::execution(), inputs, outputs, values.data(), scales.data(), bias.data());
      REQUIRE(stored.ok());
      const auto x = random.floats(static_cast<size_t>(6 * inputs), -1.0f, 1.0f);
      CHECK(run(*stored, 6, inputs, outputs, x) == run(quantize(inputs, outputs, weight, bias.data()), 6, inputs, outputs, x));
    }
}

TEST_CASE("A quantised product has the epilogue of the others", "[w8a16]") {
  test::Random random(4);
  const auto x = random.floats(3 * 6, -1.0f, 1.0f), weight = random.floats(10 * 6, -1.0f, 1.0f);
  const W8A16Matrix matrix = quantize(6, 10, weight, nullptr);
  const auto plain = run(matrix, 3, 6, 10, x), sum = run(matrix, 3, 6, 10, x, {true, true});
  for (size_t i = 0; i < plain.size(); ++i)  // run() starts from ones
    CHECK(std::fabs(static_cast<double>(sum[i]) - std::max(0.0, 1.0 + static_cast<double>(plain[i]))) <= 1e-6);
}

}  // namespace beit
