// The one table that every container is read into, before any weight is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/tensor.h"

namespace beit {

struct TensorEntry {
  std::string name;  // as in the file, but see Checkpoint::entries()
  DType dtype = DType::kF32;
  Shape shape;
  size_t file = 0;     // index of the file that holds it
  int64_t offset = 0;  // of its first byte in the file
  int64_t bytes = 0;
  // Elements between neighbours along each axis, for a view of a PyTorch storage that is not
  // row-major; empty for all else. `bytes` then reaches from the first element to the last.
  std::vector<int64_t> strides = {};
  // Set where the elements are of a type that is not read (8-bit floats, complex numbers, …): its name
  // in the file. `dtype` then is kU8, and `bytes` need not be what the shape takes: nobody may count on it
  // but to report it.
  std::string other_type = {};

  // Returns the element type's name for people.
  std::string_view type() const { return other_type.empty() ? toString(dtype) : other_type; }
};

// Sorts by place in the file. What shares a place: the shorter first.
void sortByOffset(std::vector<TensorEntry>& entries);

// Bytes of a file that a reader wants next.
struct ByteRange {
  int64_t offset = 0;
  int64_t length = 0;
};

}  // namespace beit
