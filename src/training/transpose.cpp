#include "src/training/transpose.h"

#include "src/kernels/simd.h"

namespace beit {

void transpose(int64_t rows, int64_t columns, const float* from, int64_t from_stride, float* to, int64_t to_stride) {
  int64_t c = 0;
  for (; c + 4 <= columns; c += 4) {
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4) {
      const float* at = from + r * from_stride + c;
      F32x4 row0 = load4(at), row1 = load4(at + from_stride), row2 = load4(at + 2 * from_stride), row3 = load4(at + 3 * from_stride);
      transpose4(row0, row1, row2, row3);
      float* there = to + c * to_stride + r;
      store4(there, row0);
      store4(there + to_stride, row1);
      store4(there + 2 * to_stride, row2);
      store4(there + 3 * to_stride, row3);
    }
    for (; r < rows; ++r)
      for (int64_t i = c; i < c + 4; ++i) to[i * to_stride + r] = from[r * from_stride + i];
  }
  for (; c < columns; ++c)
    for (int64_t r = 0; r < rows; ++r) to[c * to_stride + r] = from[r * from_stride + c];
}

}  // namespace beit
