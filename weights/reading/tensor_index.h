// The one table that every container is read into, before any weight is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/base/tensor.h"

namespace beit {

struct TensorEntry {
  std::string name;  // as in the file
  DType dtype = DType::kF32;
  Shape shape;
  size_t file = 0;     // index of the file that holds it
  int64_t offset = 0;  // of its first byte in the file
  int64_t bytes = 0;
  // Elements between neighbours along each axis, for a view of a PyTorch storage that is not
  // row-major; empty for all else. `bytes` then reaches from the first element to the last.
  std::vector<int64_t> strides;
};

// Bytes of a file that a reader wants next.
struct ByteRange {
  int64_t offset = 0;
  int64_t length = 0;
};

}  // namespace beit
