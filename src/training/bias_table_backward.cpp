#include "src/training/bias_table_backward.h"

#include <algorithm>
#include <vector>

#include "src/base/vector_size.h"
#include "src/kernels/simd.h"
#include "src/layers/transformer/bias_table_resize.h"

namespace beit {

void GridBiasGradient::clear() { std::fill_n(values_, floats(grid_), 0.0f); }

void GridBiasGradient::addRow(int64_t token, const float* scores) {
  const int64_t columns = 2 * grid_.width - 1, patches = grid_.area();
  float* cls = values_ + (2 * grid_.height - 1) * columns;
  if (token == 0) {
    double total = 0.0;
    for (int64_t t = 1; t <= patches; ++t) total += static_cast<double>(scores[t]);
    cls[0] += static_cast<float>(total);
    cls[2] += scores[0];
    return;
  }
  cls[1] += scores[0];
  const int64_t y = (token - 1) / grid_.width, x = (token - 1) % grid_.width;
  const float* from = scores + 1;
  for (int64_t other = 0; other < grid_.height; ++other, from += grid_.width) {
    float* to = values_ + (y - other + grid_.height - 1) * columns + (grid_.width - 1 - x);
    int64_t i = 0;
    for (; i + 4 <= grid_.width; i += 4) store4(to + i, load4(to + i) + load4(from + i));
    for (; i < grid_.width; ++i) to[i] += from[i];
  }
}

void addBiasTableGradient(const Execution& execution, const RelativePositionBiasSpec& spec, Size grid, int64_t batch, const float* partial,
                          std::span<TrainedParameter* const> tables) {
  execution.compute([&] {
    const int64_t rows = 2 * grid.height - 1, columns = 2 * grid.width - 1, floats = GridBiasGradient::floats(grid);
    std::vector<double> gradient(vectorSize(floats * spec.heads));
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t head = 0; head < spec.heads; ++head, partial += floats) {
        for (int64_t row = 0; row < rows; ++row)
          for (int64_t column = 0; column < columns; ++column)
            gradient[static_cast<size_t>((row * columns + columns - 1 - column) * spec.heads + head)] +=
                static_cast<double>(partial[row * columns + column]);
        for (int64_t i = rows * columns; i < floats; ++i)
          gradient[static_cast<size_t>(i * spec.heads + head)] += static_cast<double>(partial[i]);
      }
    const std::vector<double> table = resizeBiasTableBackward(gradient.data(), spec.grid, grid, spec.heads, spec.resize);
    for (TrainedParameter* each : tables)
      for (size_t i = 0; each && each->trained && i < table.size(); ++i) each->gradient.data()[i] += static_cast<float>(table[i]);
  });
}

}  // namespace beit
