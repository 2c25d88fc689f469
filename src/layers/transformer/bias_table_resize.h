// Resizing a relative position bias table to another grid than the one it was trained for.
#pragma once

#include <cstdint>
#include <vector>

#include "src/base/size.h"

namespace beit {

// As transformers, timm or unilm resizes a table (see resizeBiasTable).
enum class RelativePositionBiasResize { kTransformers, kTimm, kUnilm };

// Rows of a table behind the (2h-1)(2w-1) part, in order: cls to token, token to cls, cls to cls.
constexpr int64_t kClsRows = 3;

// Returns `table`, ((2h-1)(2w-1) + 3, heads) for the grid `trained`, for `grid`. The last three
// rows stay as they are.
//
// kTransformers: bilinear, align_corners=False. The table is taken as (2w-1, 2h-1), as the reference
// takes it, which swaps the axes of a trained grid that is not square, even where `grid` is the
// same. Reference: BeitRelativePositionBias.forward.
//
// kTimm, kUnilm: the 2n-1 distances of an axis are taken to lie at 0, ±1, ±(1 + q), ±(1 + q + q²), …,
// with q such that the last is the new grid's; between them values are interpolated, linearly in
// both axes (timm) or by cubic splines through all of them (unilm), and beyond them repeated. The same
// grid leaves the table as it is. unilm's own function is for square grids of at least 3; others
// are done as timm does them, with a parabola where there are only three distances. References:
// timm.layers.resize_rel_pos_bias_table (1.0.31); unilm, beit/run_class_finetuning.py, which calls
// scipy's interp2d(kind="cubic").
std::vector<float> resizeBiasTable(const float* table, Size trained, Size grid, int64_t heads, RelativePositionBiasResize mode);

// The transpose of resizeBiasTable(): returns what each row of the table for the grid `trained` receives of `gradient`, that of
// the table for `grid`.
std::vector<double> resizeBiasTableBackward(const double* gradient, Size trained, Size grid, int64_t heads,
                                            RelativePositionBiasResize mode);

}  // namespace beit
