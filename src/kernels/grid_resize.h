// Resizing of learned grids: the position parameters of a model that meets another input size.
#pragma once

#include <cstdint>
#include <vector>

namespace beit {

enum class Interpolation { kBilinear, kBicubic };

// Returns `input`, (height, width, channels), as (new_height, new_width, channels). Reference:
// torch.nn.functional.interpolate with align_corners=False and without antialiasing; bicubic
// uses a = -0.75 and repeats the border. Weights are computed in double precision.
std::vector<float> interpolateGrid(const float* input, int64_t height, int64_t width, int64_t channels, int64_t new_height,
                                   int64_t new_width, Interpolation mode);

// The transpose of interpolateGrid(): returns, (height, width, channels), what each sample of its input receives of `gradient`,
// (new_height, new_width, channels).
std::vector<double> interpolateGridBackward(const double* gradient, int64_t height, int64_t width, int64_t channels, int64_t new_height,
                                            int64_t new_width, Interpolation mode);

}  // namespace beit
