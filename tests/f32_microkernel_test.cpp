#include "src/kernels/gemm/f32_microkernel.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "src/kernels/gemm/f32.h"
#include "src/kernels/gemm/strassen.h"
#include "tests/support/random.h"
#include "tests/support/runtime.h"

namespace beit {

TEST_CASE("Tiles make up all rows in order, as even as can be", "[f32_microkernel]") {
  for (const int64_t max_rows : {kFlatMr, kMr, kTallMr}) {
    for (int64_t rows = 0; rows <= 60; ++rows) {
      CAPTURE(max_rows, rows);
      int64_t next = 0, least = max_rows, most = 0;
      forTiles(rows, max_rows, [&](int64_t first, int64_t count) {
        CHECK(first == next);
        next += count;
        least = std::min(least, count);
        most = std::max(most, count);
      });
      CHECK(next == rows);
      CHECK(most <= max_rows);
      if (rows > 0) CHECK(most - least <= 1);
    }
  }
}

TEST_CASE("A tile of each number of rows is start + x W^T", "[f32_microkernel]") {
  test::Random random(3);
  for (int64_t rows = 1; rows <= kTallMr; ++rows)
    for (const int64_t columns : {1, 5, 8, 9, 13, 16})
      for (const int64_t depth : {0, 1, 2, 3, 4, 5, 37})
        for (const bool starts : {false, true}) {
          CAPTURE(rows, columns, depth, starts);
          const int64_t stride = depth + 3, output_stride = columns + 2, panel_stride = depth * kNr + 3;
          const int64_t start_stride = panelsOf(columns) * kNr;
          const auto floats = [&](int64_t count) { return random.floats(static_cast<size_t>(count), -1.0f, 1.0f); };
          const std::vector<float> x = floats(rows * stride), panels = floats(2 * (depth * kNr + 3)), start = floats(rows * start_stride);
          std::vector<float> y(static_cast<size_t>(rows * output_stride), 7.0f);
          f32Microkernel(rows, columns, static_cast<size_t>(depth), x.data(), stride, panels.data(), panel_stride,
                         starts ? start.data() : nullptr, start_stride, y.data(), output_stride, {});
          for (int64_t r = 0; r < rows; ++r)
            for (int64_t c = 0; c < output_stride; ++c) {
              double sum = starts && c < columns ? static_cast<double>(start[static_cast<size_t>(r * start_stride + c)]) : 0.0;
              for (int64_t k = 0; k < depth && c < columns; ++k)
                sum += static_cast<double>(x[static_cast<size_t>(r * stride + k)]) *
                       static_cast<double>(panels[static_cast<size_t>(c / kNr * panel_stride + k * kNr + c % kNr)]);
              CHECK(std::fabs(static_cast<double>(y[static_cast<size_t>(r * output_stride + c)]) - (c < columns ? sum : 7.0)) <= 1e-5);
            }
        }
}

TEST_CASE("Products are the same to the last bit in tall, wide and flat tiles", "[f32_microkernel]") {
  test::Random random(4);
  const auto product = [](test::Tiles tiles, int64_t rows, const PackedMatrix& matrix, const std::vector<float>& x, bool strassen) {
    std::vector<float> y(static_cast<size_t>(rows * matrix.outputs()));
    if (strassen) {
      const auto sums = StrassenRows::make(test::execution(tiles), rows, matrix.inputs(), x.data());
      REQUIRE(sums.ok());
      sums->multiply(test::execution(tiles), matrix, y.data());
    } else {
      matrix.multiply(test::execution(tiles), rows, x.data(), matrix.inputs(), y.data(), matrix.outputs());
    }
    return y;
  };
  for (const int64_t rows : {1, 5, 6, 7, 11, 29, 97, 197})
    for (const int64_t outputs : {13, 19, 256, 272}) {
      constexpr int64_t kInputs = 256;
      const std::vector<float> weight = random.floats(static_cast<size_t>(outputs * kInputs), -1.0f, 1.0f),
                               x = random.floats(static_cast<size_t>(rows * kInputs), -1.0f, 1.0f);
      const auto matrix = PackedMatrix::pack(test::execution(), kInputs, outputs, weight.data(), kInputs, nullptr);
      REQUIRE(matrix.ok());
      for (const bool strassen : {false, true}) {
        if (strassen && !StrassenRows::suits(rows, kInputs, outputs)) continue;
        CAPTURE(rows, outputs, strassen);
        const std::vector<float> usual = product(test::Tiles::kUsual, rows, *matrix, x, strassen);
        CHECK(product(test::Tiles::kTall, rows, *matrix, x, strassen) == usual);
        CHECK(product(test::Tiles::kWide, rows, *matrix, x, strassen) == usual);
        CHECK(product(test::Tiles::kFlat, rows, *matrix, x, strassen) == usual);
      }
    }
}

}  // namespace beit
