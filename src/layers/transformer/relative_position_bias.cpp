#include "src/layers/transformer/relative_position_bias.h"

#include "src/base/vector_size.h"
#include "src/kernels/simd.h"
#include "src/layers/transformer/bias_table_resize.h"

namespace beit {

namespace {

void addRun(const float* bias, int64_t count, float* scores) {
  int64_t i = storeVectors(count, scores, [&](int64_t at) { return load4(scores + at) + load4(bias + at); });
  for (; i < count; ++i) scores[i] += bias[i];
}

}  // namespace

GridBias::GridBias(const std::vector<float>& table, Size grid, int64_t heads) : grid_(grid) {
  const int64_t rows = 2 * grid.height - 1, columns = 2 * grid.width - 1;
  assert(static_cast<int64_t>(table.size()) == (rows * columns + kClsRows) * heads);
  values_.resize(vectorSize(heads * rows * columns));
  cls_.resize(vectorSize(heads * kClsRows));
  for (int64_t head = 0; head < heads; ++head) {
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < columns; ++column)
        values_[static_cast<size_t>((head * rows + row) * columns + (columns - 1 - column))] =
            table[static_cast<size_t>((row * columns + column) * heads + head)];
    for (int64_t i = 0; i < kClsRows; ++i)
      cls_[static_cast<size_t>(head * kClsRows + i)] = table[static_cast<size_t>((rows * columns + i) * heads + head)];
  }
}

void GridBias::addToRow(int64_t head, int64_t token, float* scores) const {
  const int64_t patches = grid_.height * grid_.width;
  const float* cls = cls_.data() + head * kClsRows;
  if (token == 0) {
    scores[0] += cls[2];
    for (int64_t t = 1; t <= patches; ++t) scores[t] += cls[0];
    return;
  }
  scores[0] += cls[1];
  const int64_t columns = 2 * grid_.width - 1;
  const float* table = values_.data() + head * (2 * grid_.height - 1) * columns;
  const int64_t y = (token - 1) / grid_.width, x = (token - 1) % grid_.width;
  // The reference's index of a pair is (y - y' + h - 1)(2w - 1) + (x - x' + w - 1); mirrored in the
  // last term it is (w - 1 - x) + x', which grows with x'.
  for (int64_t other = 0; other < grid_.height; ++other)
    addRun(table + (y - other + grid_.height - 1) * columns + (grid_.width - 1 - x), grid_.width, scores + 1 + other * grid_.width);
}

void RelativePositionBias::declare(ParameterList& parameters, const std::string& prefix, const RelativePositionBiasSpec& spec) {
  spec_ = spec;
  const int64_t distances = (2 * spec.grid.height - 1) * (2 * spec.grid.width - 1) + kClsRows;
  parameters.add(prefix + ".relative_position_bias_table", {distances, spec.heads}, table_);
}

std::vector<float> RelativePositionBias::tableFor(Size grid) const {
  return resizeBiasTable(table_.data(), spec_.grid, grid, spec_.heads, spec_.resize);
}

}  // namespace beit
