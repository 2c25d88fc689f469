#include "src/kernels/gemm/quantized_strassen.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "tests/support/random.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

struct Product {
  int64_t rows, inputs, outputs;
  std::vector<float> x;
  W8A16Matrix matrix;
};

Product product(int64_t rows, int64_t inputs, int64_t outputs, std::vector<float> x, const std::vector<float>& weight,
                const std::vector<float>& bias) {
  auto matrix = W8A16Matrix::quantize(test::execution(), inputs, outputs, weight.data(), bias.data());
  REQUIRE(matrix.ok());
  return {rows, inputs, outputs, std::move(x), std::move(matrix).value()};
}

Product randomProduct(int64_t rows, int64_t inputs, int64_t outputs) {
  test::Random random(static_cast<uint32_t>(rows * 31 + inputs * 7 + outputs));
  const auto floats = [&](int64_t count) { return random.floats(static_cast<size_t>(count), -1.0f, 1.0f); };
  return product(rows, inputs, outputs, floats(rows * inputs), floats(outputs * inputs), floats(outputs));
}

W8A16Rows quantize(const Execution& execution, const Product& p) {
  auto rows = W8A16Rows::quantize(execution, p.rows, p.inputs, p.x.data(), QuantizedStrassenRows::activationLimit(p.inputs));
  REQUIRE(rows.ok());
  return std::move(rows).value();
}

// Exactly sized, so that AddressSanitizer sees every float too many.
std::vector<float> run(const Execution& execution, const Product& p) {
  std::vector<float> y(static_cast<size_t>(p.rows * p.outputs), std::numeric_limits<float>::quiet_NaN());
  const W8A16Rows rows = quantize(execution, p);
  const auto strassen = QuantizedStrassenRows::make(execution, rows);
  REQUIRE(strassen.ok());
  CHECK_FALSE(strassen->empty());
  strassen->multiply(execution, rows, p.matrix, y.data());
  return y;
}

std::vector<float> plain(const Execution& execution, const Product& p) {
  std::vector<float> y(static_cast<size_t>(p.rows * p.outputs));
  p.matrix.multiply(execution, quantize(execution, p), y.data(), p.outputs);
  return y;
}

}  // namespace

TEST_CASE("A product of integers in Strassen's way is the plain one, to the last bit", "[quantized_strassen]") {
  // Halves that are even, uneven, and short of tiles; inputs in one chunk, two and three.
  const Execution& execution = test::execution(GENERATE(test::Tiles::kUsual, test::Tiles::kWide));
  for (const int64_t rows : {96, 97, 100, 101, 104, 105, 197})
    for (const int64_t inputs : {512, 516, 2056, 4104})
      for (const int64_t outputs : {512, 528}) {
        // All rows with one size of weights, all sizes of weights with one number of rows.
        if ((inputs != 516 || outputs != 528) && rows != 97) continue;
        CAPTURE(rows, inputs, outputs);
        REQUIRE(QuantizedStrassenRows::suits(rows, inputs, outputs));
        const Product p = randomProduct(rows, inputs, outputs);
        CHECK(run(execution, p) == plain(execution, p));
      }
}

TEST_CASE("Sums that wrap on their way in Strassen's way end as the plain ones", "[quantized_strassen]") {
  // All at the limit, so that sums of four activations and of three weights are as large as can be: signs by quarter.
  for (const int64_t inputs : {512, 2056})  // one chunk and two
    for (int signs = 0; signs < 256; signs += inputs == 512 ? 15 : 45) {
      CAPTURE(inputs, signs);
      constexpr int64_t kRows = 104, kOutputs = 512;
      const auto quarters = [&](int64_t rows, int bits) {
        std::vector<float> values;
        const int64_t chunk = inputs > 2048 ? inputs / 2 : inputs;
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t k = 0; k < inputs; ++k) {
            const int quarter = (r < rows / 2 ? 0 : 2) + (k % chunk < chunk / 2 ? 0 : 1);
            values.push_back((bits >> quarter & 1) != 0 ? -1.0f : 1.0f);
          }
        return values;
      };
      const Product p = product(kRows, inputs, kOutputs, quarters(kRows, signs & 15), quarters(kOutputs, signs >> 4),
                                std::vector<float>(kOutputs, 0.25f));
      CHECK(run(test::execution(), p) == plain(test::execution(), p));
    }
}

TEST_CASE("A product of integers in Strassen's way does not depend on the threads", "[quantized_strassen]") {
  auto single = Execution::create(1);
  REQUIRE(single.ok());
  for (const int64_t rows : {97, 1500}) {  // 1500: several blocks of rows
    const Product p = randomProduct(rows, 512, 512);
    CHECK(run(**single, p) == run(test::execution(), p));
  }
}

TEST_CASE("Products of integers that Strassen's way does not suit", "[quantized_strassen]") {
  CHECK_FALSE(QuantizedStrassenRows::suits(95, 768, 768));
  CHECK_FALSE(QuantizedStrassenRows::suits(197, 508, 768));
  CHECK_FALSE(QuantizedStrassenRows::suits(197, 770, 768));   // halves that are no whole pairs
  CHECK_FALSE(QuantizedStrassenRows::suits(197, 2052, 768));  // the same of two chunks
  CHECK_FALSE(QuantizedStrassenRows::suits(197, 768, 496));
  CHECK_FALSE(QuantizedStrassenRows::suits(197, 768, 520));  // an odd number of panels
  CHECK(QuantizedStrassenRows::activationLimit(768) == 8191);
  CHECK(QuantizedStrassenRows::activationLimit(3072) == activationLimit(3072));
}

TEST_CASE("Integers in Strassen's way: a NaN in a row shows in its outputs and in no others", "[quantized_strassen]") {
  Product p = randomProduct(100, 512, 512);
  const std::vector<float> clean = run(test::execution(), p);
  for (const int64_t row : {3, 99}) p.x[static_cast<size_t>(row * 512 + 200)] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> y = run(test::execution(), p);
  int64_t wrong = 0;
  for (int64_t r = 0; r < 100; ++r)
    for (int64_t o = 0; o < 512; ++o) {
      const auto at = static_cast<size_t>(r * 512 + o);
      if (r == 3 || r == 99 ? !std::isnan(y[at]) : y[at] != clean[at]) ++wrong;
    }
  CHECK(wrong == 0);
}

}  // namespace beit
