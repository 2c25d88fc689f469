#include "src/training/bias_table_backward.h"

#include <cmath>
#include <utility>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "src/kernels/grid_resize.h"
#include "src/layers/transformer/bias_table_resize.h"
#include "tests/support/random.h"

namespace beit {

namespace {

double dot(const auto& a, const auto& b) {
  double total = 0.0;
  for (size_t i = 0; i < a.size(); ++i) total += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return total;
}

}  // namespace

// A transpose is known by <A x, y> = <x, A^T y> for all x and y.
TEST_CASE("Bias tables take back what they give when they are resized", "[bias_table_backward]") {
  test::Random random(1);
  for (const auto mode : {RelativePositionBiasResize::kTransformers, RelativePositionBiasResize::kTimm, RelativePositionBiasResize::kUnilm})
    for (const auto& [trained, grid] : {std::pair<Size, Size>{{3, 3}, {3, 3}}, {{3, 3}, {5, 4}}, {{4, 2}, {4, 2}}, {{4, 3}, {2, 5}}}) {
      CAPTURE(static_cast<int>(mode), trained.height, trained.width, grid.height, grid.width);
      constexpr int64_t kHeads = 2;
      const auto floats = [](Size size) { return static_cast<size_t>(GridBiasGradient::floats(size) * kHeads); };
      const auto table = random.floats(floats(trained), -1.0f, 1.0f), upstream = random.floats(floats(grid), -1.0f, 1.0f);
      const auto resized = resizeBiasTable(table.data(), trained, grid, kHeads, mode);
      REQUIRE(resized.size() == upstream.size());
      const std::vector<double> gradient(upstream.begin(), upstream.end());
      const auto back = resizeBiasTableBackward(gradient.data(), trained, grid, kHeads, mode);
      REQUIRE(back.size() == table.size());
      CHECK(std::abs(dot(resized, upstream) - dot(table, back)) <= 1e-5);
    }
}

TEST_CASE("Grids take back what they give when they are resized", "[bias_table_backward]") {
  test::Random random(2);
  for (const auto mode : {Interpolation::kBilinear, Interpolation::kBicubic}) {
    const auto grid = random.floats(3 * 4 * 2, -1.0f, 1.0f), upstream = random.floats(5 * 3 * 2, -1.0f, 1.0f);
    const std::vector<double> gradient(upstream.begin(), upstream.end());
    CHECK(std::abs(dot(interpolateGrid(grid.data(), 3, 4, 2, 5, 3, mode), upstream) -
                   dot(grid, interpolateGridBackward(gradient.data(), 3, 4, 2, 5, 3, mode))) <= 1e-5);
  }
}

TEST_CASE("Scores give each entry of a table the sum of what it was added to", "[bias_table_backward]") {
  constexpr Size kGrid{3, 2};
  constexpr int64_t kTokens = 7;
  test::Random random(3);
  const auto floats = static_cast<size_t>(GridBiasGradient::floats(kGrid));
  const auto table = random.floats(floats, -1.0f, 1.0f);
  const GridBias bias(table, kGrid, /*heads=*/1);
  std::vector<float> partial(floats + FloatBuffer::kSlack);
  GridBiasGradient gradient(kGrid, partial.data());
  gradient.clear();
  double given = 0.0;
  for (int64_t token = 0; token < kTokens; ++token) {
    const auto upstream = random.floats(kTokens, -1.0f, 1.0f);
    std::vector<float> scores(kTokens);
    bias.addToRow(0, token, scores.data());
    given += dot(scores, upstream);
    gradient.addRow(token, upstream.data());
  }
  // The layout is mirrored in its columns.
  const int64_t columns = 2 * kGrid.width - 1, cells = (2 * kGrid.height - 1) * columns;
  double taken = 0.0;
  for (int64_t i = 0; i < static_cast<int64_t>(floats); ++i) {
    const int64_t mirrored = i < cells ? i / columns * columns + columns - 1 - i % columns : i;
    taken += static_cast<double>(table[static_cast<size_t>(i)]) * static_cast<double>(partial[static_cast<size_t>(mirrored)]);
  }
  CHECK(std::abs(given - taken) <= 1e-5);
}

}  // namespace beit
