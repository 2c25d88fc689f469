// XNNPACK's fully connected operator as a matrix format: what `npm run bench:gemm` races ours with.
#pragma once

#include "src/kernels/gemm/weight_matrix.h"

namespace beit::test {

// Its kernels read up to FloatBuffer::kSlack floats past the end of the rows: they must be readable, as a FloatBuffer's are.
// One product with a matrix at a time: the operator holds where its input and output lie. It lives as long as the program.
const MatrixFormat& xnnpackFormat();

}  // namespace beit::test
