#pragma once

#include <cstdint>

namespace beit {

// to (columns, rows) = the transpose of `from` (rows, columns). Strides are the floats from one row to the next.
void transpose(int64_t rows, int64_t columns, const float* from, int64_t from_stride, float* to, int64_t to_stride);

}  // namespace beit
