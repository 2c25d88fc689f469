// What Winograd's form F(4x4, 3x3) makes of a tile of inputs, and of the products that it becomes; whatever numbers are
// multiplied in between.
#pragma once

#include <cstdint>

#include "src/kernels/execution.h"
#include "src/kernels/feature_map.h"

namespace beit::winograd {

constexpr int64_t kTile = 4;  // outputs of a tile each way
constexpr int64_t kSide = 6;  // inputs of a tile each way
constexpr int64_t kPoints = kSide * kSide;
constexpr int64_t kTaps = 9;

// The polynomials' points: 0, 1/sqrt(2) and sqrt(2) with both signs, infinity. The usual 0, 1 and 2 give errors twice
// as large (rms; simulated with 256 channels: 1.5e-6 and 3.1e-6) at the same cost.
constexpr double kSmall = 0.70710678118654752440, kLarge = 1.41421356237309504880;

// to (6) = line `line` of G g G^T of one 3 x 3 kernel, in double precision: it is done once.
void transformKernel(const float* g, double scale, int64_t line, double* to);

// to (36, count) = G g G^T of kernels of integers, `from` (9, count), times the scales (9); the count is a multiple of eight.
void transformKernels(int64_t count, const int8_t* from, const float* scales, float* to);

// to (36, stride between points): the transformed tile whose first input is (top, left) of `input`, which
// is 0 outside.
void transformInputTile(const FeatureMap& input, int64_t top, int64_t left, float* to, int64_t stride);

// to (size, channels) = the tiles of products `from` (36, tiles in rows of them, channels), with `bias` (channels), and ReLU if asked.
void transformProductTiles(const Execution& execution, const float* from, Size size, int64_t channels, const float* bias, bool relu,
                           float* to);

}  // namespace beit::winograd
