#include "src/layers/transformer/relative_position_bias.h"

#include <cmath>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "tests/support/random.h"
#include "tests/support/reference.h"

namespace beit {

namespace {

// Returns a bias whose table has `value(i)` at its i-th place, for a pre-trained grid.
template <typename Value>
void declareFilled(RelativePositionBias& bias, ParameterList& parameters, Size trained, int64_t heads, Value value) {
  bias.declare(parameters, "bias", {.grid = trained, .heads = heads});
  const Parameter& table = parameters.all().at(0);
  CHECK(table.name == "bias.relative_position_bias_table");
  CHECK(table.shape == Shape{(2 * trained.height - 1) * (2 * trained.width - 1) + 3, heads});
  std::vector<float> values(static_cast<size_t>(elementCount(table.shape).value()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = value(i);
  REQUIRE(parameters.deliver(0, values).ok());
}

// Returns the bias (T, T) of one head as GridBias adds it to scores of 0, behind which nothing changes.
std::vector<float> scoresOf(const GridBias& bias, Size grid, int64_t head) {
  const int64_t tokens = 1 + grid.area();
  std::vector<float> scores;
  for (int64_t token = 0; token < tokens; ++token) {
    std::vector<float> row(static_cast<size_t>(tokens), 0.0f);
    bias.addToRow(head, token, row.data());
    scores.insert(scores.end(), row.begin(), row.end());
  }
  return scores;
}

}  // namespace

TEST_CASE("GridBias adds what the reference's index picks", "[relative_position_bias]") {
  test::Random random(1);
  for (const Size grid : {Size{1, 1}, {1, 5}, {4, 1}, {2, 3}, {3, 2}, {5, 5}, {7, 4}, {6, 9}, {14, 14}}) {
    for (const int64_t heads : {1, 3}) {
      CAPTURE(grid.height, grid.width, heads);
      const int64_t distances = (2 * grid.height - 1) * (2 * grid.width - 1) + 3;
      const auto table = random.floats(static_cast<size_t>(distances * heads), -1.0f, 1.0f);
      const GridBias bias(table, grid, heads);
      CHECK_FALSE(bias.empty());
      const Eigen::MatrixXi index = test::relativePositionIndex(grid);
      for (int64_t head = 0; head < heads; ++head) {
        const test::Matrix want = index.cast<double>().unaryExpr([&](double row) {
          return static_cast<double>(table[static_cast<size_t>(row) * static_cast<size_t>(heads) + static_cast<size_t>(head)]);
        });
        CHECK(test::relativeDifference(scoresOf(bias, grid, head), want) == 0.0);
      }
    }
  }
}

TEST_CASE("GridBias adds to what is there", "[relative_position_bias]") {
  const GridBias bias(std::vector<float>{0.5f, 1.0f, 2.0f, 4.0f}, {1, 1}, 1);
  float cls[2] = {10.0f, 20.0f}, patch[2] = {30.0f, 40.0f};
  bias.addToRow(0, 0, cls);
  bias.addToRow(0, 1, patch);
  CHECK(cls[0] == 14.0f);    // cls to cls
  CHECK(cls[1] == 21.0f);    // cls to token
  CHECK(patch[0] == 32.0f);  // token to cls
  CHECK(patch[1] == 40.5f);
}

TEST_CASE("The table of a square grid is itself, and resized for another", "[relative_position_bias]") {
  test::Random random(2);
  for (const Size trained : {Size{1, 1}, {4, 4}, {2, 3}, {5, 2}}) {
    for (const Size grid : {trained, Size{1, 1}, {3, 3}, {6, 4}, {3, 7}}) {
      CAPTURE(trained.height, trained.width, grid.height, grid.width);
      constexpr int64_t kHeads = 2;
      ParameterList parameters;
      RelativePositionBias bias;
      CHECK_FALSE(bias.declared());
      std::vector<float> values;
      declareFilled(bias, parameters, trained, kHeads, [&](size_t) {
        values.push_back(random.uniform(-1.0f, 1.0f));
        return values.back();
      });
      CHECK(bias.declared());
      CHECK(bias.heads() == kHeads);
      const auto table = bias.tableFor(grid);
      if (trained == grid && trained.height == trained.width) CHECK(table == values);
      const GridBias laid_out(table, grid, kHeads);
      const auto want = test::relativePositionBias(test::toMatrix(values, static_cast<int64_t>(values.size()) / kHeads), trained, grid);
      for (int64_t head = 0; head < kHeads; ++head)
        CHECK(test::relativeDifference(scoresOf(laid_out, grid, head), want[static_cast<size_t>(head)]) <= 1.2e-7);
    }
  }
}

TEST_CASE("The bias is what transformers gives, axes swapped for windows that are not square", "[relative_position_bias]") {
  // config = BeitConfig(num_attention_heads=2); m = BeitRelativePositionBias(config, window_size=TRAINED)
  // table = m.relative_position_bias_table; table.copy_(arange(table.numel()).float().mul(0.7).sin().reshape(-1, 2))
  // print(m(WINDOW)[0, 1]), with transformers 4.46.3
  struct Case {
    Size trained, grid;
    std::vector<float> want;
  };
  const Case cases[] = {
      {{2, 3}, {2, 3}, {-0.5913575f, 0.2870537f,  0.2870537f,  0.2870537f,  0.2870537f,  0.2870537f,  0.2870537f,  -0.8951876f, -0.8796958f,
                        -0.1604190f, 0.3190989f,  0.5810775f,  0.2936276f,  0.1019943f,  -0.8951876f, -0.7227607f, -0.8796958f, -0.1604190f,
                        0.2897513f,  0.5810775f,  0.2936276f,  -0.8951876f, -0.6181374f, -0.7227607f, -0.8796958f, 0.0955339f,  0.2897513f,
                        0.5810775f,  -0.8951876f, 0.3155307f,  -0.1301240f, -0.4272271f, -0.8796958f, -0.1604190f, 0.3190989f,  -0.8951876f,
                        0.4469043f,  0.3155307f,  -0.1301240f, -0.7227607f, -0.8796958f, -0.1604190f, -0.8951876f, 0.5344868f,  0.4469043f,
                        0.3155307f,  -0.6181374f, -0.7227607f, -0.8796958f}},
      {{2, 3}, {3, 2}, {-0.5913575f, 0.2870537f,  0.2870537f,  0.2870537f,  0.2870537f,  0.2870537f,  0.2870537f,  -0.8951876f, -0.8796958f,
                        0.3190989f,  0.0168136f,  -0.9824526f, 0.8632094f,  0.6442177f,  -0.8951876f, -0.6181374f, -0.8796958f, 0.9881682f,
                        0.0168136f,  -0.3507832f, 0.8632094f,  -0.8951876f, 0.8457469f,  0.6695699f,  -0.8796958f, 0.3190989f,  0.0168136f,
                        -0.9824526f, -0.8951876f, -0.3820718f, 0.8457469f,  -0.6181374f, -0.8796958f, 0.9881682f,  0.0168136f,  -0.8951876f,
                        0.0504223f,  -0.9756260f, 0.8457469f,  0.6695699f,  -0.8796958f, 0.3190989f,  -0.8951876f, 0.9927663f,  0.0504223f,
                        -0.3820718f, 0.8457469f,  -0.6181374f, -0.8796958f}},
      {{2, 2},
       {3, 1},
       {-0.3820718f, 0.6695699f, 0.6695699f, 0.6695699f, 0.8457469f, 0.0168136f, 0.5246511f, 0.8632094f, 0.8457469f, -0.5210921f,
        0.0168136f, 0.5246511f, 0.8457469f, -0.8796958f, -0.5210921f, 0.0168136f}}};
  for (const auto& [trained, grid, want] : cases) {
    CAPTURE(trained.height, trained.width, grid.height, grid.width);
    ParameterList parameters;
    RelativePositionBias bias;
    declareFilled(bias, parameters, trained, 2,
                  [](size_t i) { return static_cast<float>(std::sin(static_cast<double>(static_cast<float>(i) * 0.7f))); });
    const GridBias laid_out(bias.tableFor(grid), grid, 2);
    // torch computes its weights in floats.
    CHECK(test::relativeDifference(scoresOf(laid_out, grid, 1), test::toMatrix(want, 1)) <= 5e-7);
  }
}

}  // namespace beit
