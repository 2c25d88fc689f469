// A small matrix product for attention, whose operands change with every image: nothing is packed
// in advance, so gemm.h does not fit.
#pragma once

#include <cstdint>

namespace beit {

// output (rows, columns) = left (rows, depth) x right (depth, columns), each with its own distance
// between rows, in floats. `right` must be readable for up to 7 floats past the last column of each
// row; exactly `columns` floats of each output row are written.
void multiply(int64_t rows, int64_t columns, int64_t depth, const float* left, int64_t left_stride,
              const float* right, int64_t right_stride, float* output, int64_t output_stride);

}  // namespace beit
