#include "src/layers/transformer/bias_table_resize.h"

#include <algorithm>
#include <cmath>

#include <catch2/catch_test_macros.hpp>

namespace beit {

namespace {

constexpr int64_t kHeads = 2;
constexpr RelativePositionBiasResize kAll[] = {RelativePositionBiasResize::kTransformers, RelativePositionBiasResize::kTimm,
                                               RelativePositionBiasResize::kUnilm};

int64_t rowsOf(Size grid) { return (2 * grid.height - 1) * (2 * grid.width - 1) + kClsRows; }

// sin(0.7 i) at the i-th place, for a grid.
std::vector<float> sines(Size grid) {
  std::vector<float> table(static_cast<size_t>(rowsOf(grid) * kHeads));
  for (size_t i = 0; i < table.size(); ++i) table[i] = static_cast<float>(std::sin(static_cast<double>(static_cast<float>(i) * 0.7f)));
  return table;
}

std::vector<float> resize(const std::vector<float>& table, Size trained, Size grid, RelativePositionBiasResize mode) {
  return resizeBiasTable(table.data(), trained, grid, kHeads, mode);
}

}  // namespace

TEST_CASE("Tables are resized as timm and unilm resize them", "[bias_table_resize]") {
  // The second head's column of sines(), every `step`-th row of it:
  //   timm 1.0.31: resize_rel_pos_bias_table(table, WINDOW, (rows, 2), TRAINED)[::step, 1]
  //   unilm: the code of beit/run_class_finetuning.py with scipy 1.13.1
  struct Case {
    RelativePositionBiasResize mode;
    Size trained, grid;
    size_t step;
    std::vector<float> want;
  };
  const Case cases[] = {
      {RelativePositionBiasResize::kTimm,
       {3, 3},
       {4, 4},
       3,
       {0.6442177f, -0.3507832f, 0.0168136f, 0.6818394f, -0.1307385f, 0.7651453f, -0.6181374f, 0.8457469f, -0.9756260f, 0.9927663f,
        -0.8951876f, 0.7829404f, -0.4342419f, 0.8955494f, -0.4129265f, 0.0839745f, 0.2546831f, 0.7179746f}},
      {RelativePositionBiasResize::kTimm,
       {4, 4},
       {2, 2},
       1,
       {-0.8951876f, -0.5913575f, 0.6941644f, 0.9962417f, 0.2546831f, -0.9096670f, -0.9586717f, 0.1174297f, 0.9985909f, 0.1839043f,
        0.9998997f, 0.1559929f}},
      {RelativePositionBiasResize::kTimm, {2, 3}, {3, 4}, 1, {0.6442177f,  0.7172148f,  0.8632094f, -0.3507832f, -0.9824526f, -0.3162747f,
                                                              0.0168136f,  0.6442177f,  0.7172148f, 0.8632094f,  -0.3507832f, -0.9824526f,
                                                              -0.3162747f, 0.0168136f,  0.9881682f, 0.7651454f,  0.3190989f,  -0.8796958f,
                                                              -0.6181374f, 0.2403347f,  0.6695699f, 0.8457469f,  0.4364746f,  -0.3820718f,
                                                              -0.9756260f, 0.0504223f,  0.6786521f, 0.9927663f,  0.8457469f,  0.4364746f,
                                                              -0.3820718f, -0.9756260f, 0.0504223f, 0.6786521f,  0.9927663f,  0.2870537f,
                                                              -0.8951876f, -0.5913575f}},
      {RelativePositionBiasResize::kTimm, {2, 3}, {2, 4}, 1, {0.6442177f, 0.7172148f, 0.8632094f, -0.3507832f, -0.9824526f, -0.3162747f,
                                                              0.0168136f, 0.9881682f, 0.7651454f, 0.3190989f,  -0.8796958f, -0.6181374f,
                                                              0.2403347f, 0.6695699f, 0.8457469f, 0.4364746f,  -0.3820718f, -0.9756260f,
                                                              0.0504223f, 0.6786521f, 0.9927663f, 0.2870537f,  -0.8951876f, -0.5913575f}},
      {RelativePositionBiasResize::kTimm,
       {1, 1},
       {2, 2},
       1,
       {0.6442177f, 0.6442177f, 0.6442177f, 0.6442177f, 0.6442177f, 0.6442177f, 0.6442177f, 0.6442177f, 0.6442177f, 0.8632094f, -0.3507832f,
        -0.9824526f}},
      {RelativePositionBiasResize::kUnilm,
       {3, 3},
       {4, 4},
       3,
       {0.6442177f, -0.3507832f, 0.0168136f, 0.8229260f, -0.4370255f, 1.2973552f, -0.6181374f, 0.8457469f, -0.9756260f, 0.9927663f,
        -0.8951876f, 1.3577925f, -0.9870371f, 1.0299933f, -0.4129265f, 0.0839745f, 0.2546831f, 0.7179746f}},
      {RelativePositionBiasResize::kUnilm, {4, 4}, {3, 3}, 1, {-0.6019481f, 0.6484050f,  0.8338349f,  -0.3649561f, -0.9588541f, 0.2735777f,
                                                               -0.8951876f, -0.5913575f, 0.6941644f,  0.8333480f,  0.0972694f,  0.9962417f,
                                                               0.2546831f,  -0.9096670f, -0.5739942f, -0.4545800f, -0.9586717f, 0.1174297f,
                                                               0.9985909f,  0.2347708f,  0.7399857f,  0.7654017f,  -0.4724031f, -0.9259886f,
                                                               0.1442787f,  0.1839043f,  0.9998997f,  0.1559929f}},
      {RelativePositionBiasResize::kUnilm,
       {3, 3},
       {6, 6},
       3,
       {0.6442177f,  1.2625237f,  -0.9824526f, 0.0168136f,  0.6442177f,  0.8632094f,  -0.6062841f, 0.0168136f,  0.6442177f,
        -0.3507832f, 0.0168136f,  0.7988328f,  1.4081358f,  -0.9993826f, 0.1793680f,  0.9881682f,  0.3190989f,  0.3483656f,
        0.6695699f,  0.8457469f,  -0.9756260f, 0.9927663f,  0.2870537f,  -0.2514905f, 0.6941644f,  0.8273283f,  -0.2853882f,
        -1.0548761f, 1.1239775f,  0.4233299f,  -0.4129265f, 0.0839745f,  0.2546831f,  -0.4129265f, -1.0728320f, 0.9962417f,
        0.2546831f,  -0.4129265f, -0.9676960f, 0.9157346f,  0.2546831f,  0.7179746f}}};
  for (const auto& [mode, trained, grid, step, want] : cases) {
    CAPTURE(static_cast<int>(mode), trained.height, trained.width, grid.height, grid.width);
    const auto table = resize(sines(trained), trained, grid, mode);
    REQUIRE(static_cast<int64_t>(table.size()) == rowsOf(grid) * kHeads);
    for (size_t i = 0; i < want.size(); ++i) {
      CAPTURE(i);
      // Both compute in floats, unilm's with a spline's weights of up to 2.
      CHECK(std::abs(table[i * step * kHeads + 1] - want[i]) <= 2e-6f);
    }
  }
}

TEST_CASE("A table for the same grid stays as it is", "[bias_table_resize]") {
  for (const auto mode : kAll)
    for (const Size grid : {Size{1, 1}, {3, 3}, {5, 5}}) CHECK(resize(sines(grid), grid, grid, mode) == sines(grid));
  // Only the reference swaps the axes of a grid that is not square.
  const Size oblong{2, 4};
  CHECK(resize(sines(oblong), oblong, oblong, RelativePositionBiasResize::kTimm) == sines(oblong));
  CHECK(resize(sines(oblong), oblong, oblong, RelativePositionBiasResize::kUnilm) == sines(oblong));
  CHECK(resize(sines(oblong), oblong, oblong, RelativePositionBiasResize::kTransformers) != sines(oblong));
}

TEST_CASE("A constant table stays constant at every size, in every way", "[bias_table_resize]") {
  for (const auto mode : kAll)
    for (const Size trained : {Size{1, 1}, {1, 2}, {2, 2}, {2, 5}, {3, 3}, {7, 4}, {14, 14}})
      for (const Size grid : {Size{1, 1}, {1, 6}, {2, 3}, {4, 4}, {9, 2}, {20, 20}}) {
        CAPTURE(static_cast<int>(mode), trained.height, trained.width, grid.height, grid.width);
        const auto table = resize(std::vector<float>(static_cast<size_t>(rowsOf(trained) * kHeads), 0.75f), trained, grid, mode);
        REQUIRE(static_cast<int64_t>(table.size()) == rowsOf(grid) * kHeads);
        CHECK(std::all_of(table.begin(), table.end(), [](float value) { return std::abs(value - 0.75f) < 1e-6f; }));
      }
}

TEST_CASE("The ways of resizing differ", "[bias_table_resize]") {
  const Size trained{4, 4}, grid{6, 6};
  const auto reference = resize(sines(trained), trained, grid, RelativePositionBiasResize::kTransformers);
  const auto timm = resize(sines(trained), trained, grid, RelativePositionBiasResize::kTimm);
  const auto unilm = resize(sines(trained), trained, grid, RelativePositionBiasResize::kUnilm);
  CHECK(reference != timm);
  CHECK(timm != unilm);
  CHECK(unilm != reference);
}

}  // namespace beit
