#include "src/kernels/gemm/strassen.h"

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

struct Product {
  int64_t rows, inputs, outputs;
  std::vector<float> x, weight, bias;
  PackedMatrix matrix;
};

Product randomProduct(int64_t rows, int64_t inputs, int64_t outputs) {
  test::Random random(static_cast<uint32_t>(rows * 31 + inputs * 7 + outputs));
  const auto floats = [&](int64_t count) { return random.floats(static_cast<size_t>(count), -1.0f, 1.0f); };
  Product p{rows, inputs, outputs, floats(rows * inputs), floats(outputs * inputs), floats(outputs), {}};
  auto matrix = PackedMatrix::pack(test::execution(), inputs, outputs, p.weight.data(), inputs, p.bias.data());
  REQUIRE(matrix.ok());
  p.matrix = std::move(matrix).value();
  return p;
}

// Exactly sized, so that AddressSanitizer sees every float too many.
std::vector<float> run(const Execution& execution, const Product& p) {
  std::vector<float> y(static_cast<size_t>(p.rows * p.outputs), std::numeric_limits<float>::quiet_NaN());
  const auto rows = StrassenRows::make(execution, p.rows, p.inputs, p.x.data());
  REQUIRE(rows.ok());
  rows->multiply(execution, p.matrix, y.data());
  return y;
}

double expected(const Product& p, int64_t r, int64_t o) {
  double sum = static_cast<double>(p.bias[static_cast<size_t>(o)]);
  for (int64_t k = 0; k < p.inputs; ++k)
    sum += static_cast<double>(p.x[static_cast<size_t>(r * p.inputs + k)]) *
           static_cast<double>(p.weight[static_cast<size_t>(o * p.inputs + k)]);
  return sum;
}

}  // namespace

TEST_CASE("A product in Strassen's way is x W^T + b", "[strassen]") {
  // Halves that are even, uneven and short of one whole tile; inputs in one chunk, two and three.
  const Execution& execution = test::execution(GENERATE(test::Tiles::kUsual, test::Tiles::kTall, test::Tiles::kWide, test::Tiles::kFlat));
  for (const int64_t rows : {96, 97, 100, 101, 103, 104, 197})
    for (const int64_t inputs : {256, 264, 1040, 2064})
      for (const int64_t outputs : {256, 272}) {
        if (inputs > 264 && rows != 97 && rows != 104) continue;
        CAPTURE(rows, inputs, outputs);
        REQUIRE(StrassenRows::suits(rows, inputs, outputs));
        const Product p = randomProduct(rows, inputs, outputs);
        const std::vector<float> y = run(execution, p);
        double worst = 0.0;
        bool finite = true;
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t o = r % 7; o < outputs; o += 7) {  // every column of every panel, and every row
            const double off = std::fabs(static_cast<double>(y[static_cast<size_t>(r * outputs + o)]) - expected(p, r, o));
            finite = finite && std::isfinite(off);
            worst = std::max(worst, off);
          }
        CHECK(finite);
        // Sums of `inputs` products below 1, with some roundings of sums that are a few times as large.
        CHECK(worst <= 2e-7 * static_cast<double>(inputs));
      }
}

TEST_CASE("A product in Strassen's way does not depend on the threads", "[strassen]") {
  auto single = Execution::create(1);
  REQUIRE(single.ok());
  for (const int64_t rows : {97, 700}) {  // 700: several blocks of rows
    const Product p = randomProduct(rows, 256, 512);
    CHECK(run(**single, p) == run(test::execution(), p));
  }
}

TEST_CASE("Products that it does not suit", "[strassen]") {
  CHECK_FALSE(StrassenRows::suits(95, 768, 768));
  CHECK_FALSE(StrassenRows::suits(197, 248, 768));
  CHECK_FALSE(StrassenRows::suits(197, 769, 768));   // odd
  CHECK_FALSE(StrassenRows::suits(197, 1032, 768));  // two chunks whose halves are no whole vectors
  CHECK_FALSE(StrassenRows::suits(197, 768, 248));
  CHECK_FALSE(StrassenRows::suits(197, 768, 264));  // an odd number of panels
}

TEST_CASE("Rows with a NaN or an infinity are not for Strassen's way", "[strassen]") {
  for (const float odd : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()})
    for (const int64_t row : {0, 3, 99}) {
      Product p = randomProduct(100, 256, 256);
      p.x[static_cast<size_t>(row * 256 + 255)] = odd;
      const auto rows = StrassenRows::make(test::execution(), p.rows, p.inputs, p.x.data());
      REQUIRE(rows.ok());
      CHECK(rows->empty());
    }
}

}  // namespace beit
