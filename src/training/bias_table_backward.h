// The gradient of relative position bias tables: each of their entries is added to many scores.
#pragma once

#include <cstdint>
#include <span>

#include "src/base/size.h"
#include "src/kernels/execution.h"
#include "src/layers/transformer/relative_position_bias.h"
#include "src/training/trained_parameters.h"

namespace beit {

// What the scores of one image and head add up to: of their gradients, a row at a time. The layout is GridBias's, so that a row
// is a run of consecutive floats for each row of patches.
class GridBiasGradient {
 public:
  // Returns the floats of one.
  static int64_t floats(Size grid) { return (2 * grid.height - 1) * (2 * grid.width - 1) + kClsRows; }

  GridBiasGradient(Size grid, float* values) : grid_(grid), values_(values) {}

  void clear();
  // Adds the gradients of the scores of token 0..P with all tokens, (1 + P).
  void addRow(int64_t token, const float* scores);

 private:
  Size grid_;
  float* values_;
};

// Adds to the gradients of `tables`, each ((2h-1)(2w-1) + 3, heads) for the grid of `spec`, what `partial` (batch, heads,
// GridBiasGradient::floats(grid)) adds up to, for a pass whose tables were resized to `grid`.
void addBiasTableGradient(const Execution& execution, const RelativePositionBiasSpec& spec, Size grid, int64_t batch, const float* partial,
                          std::span<TrainedParameter* const> tables);

}  // namespace beit
