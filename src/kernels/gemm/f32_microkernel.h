// Tiles of a product of floats: a few rows by eight or sixteen columns, whose sums stay in registers.
//
// How many rows is up to the engine that compiles this. Taller tiles load less for each product and have more sums
// under way, which hides the latency of fused multiply-adds; but V8 before version 13 puts all loads of a step
// before its arithmetic, and then only four rows fit the 16 registers of x86: figures for each engine are in
// ARCHITECTURE.md, "Matrix products". Sixteen columns fit where the engine joins pairs of vectors into ones of 32 bytes, or by two
// rows only: flat tiles have fewer floats to splat, which costs JavaScriptCore three instructions each.
// Every output is summed up in the same order whatever the tile, so that results do not depend on it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "src/kernels/gemm/blocking.h"

namespace beit {

// The most rows of a tall tile. The product of a multiply-add that is not fused takes a register, too.
#if defined(__wasm_simd128__) && !defined(__wasm_relaxed_simd__)
inline constexpr int64_t kTallMr = 5;
#else
inline constexpr int64_t kTallMr = 6;
#endif

// The most rows of a flat tile, of two panels.
inline constexpr int64_t kFlatMr = 2;

// output = start + input x panel (depth, 8), then the epilogue: up to kTallMr rows by up to 8 columns; by up to 16, of two
// panels with `panel_stride` floats from one to the next. Strides are the floats from one row to the next. `start` holds what
// each row begins with (stride 0: a bias for all), eight floats for each panel. Null stands for zeros. It may be the output.
void f32Microkernel(int64_t rows, int64_t columns, size_t depth, const float* input, int64_t stride, const float* panel,
                    int64_t panel_stride, const float* start, int64_t start_stride, float* output, int64_t output_stride,
                    GemmEpilogue epilogue);

}  // namespace beit
