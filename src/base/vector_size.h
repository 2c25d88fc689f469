// Counts for standard containers, whose size_t has 32 bits in wasm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace beit {

// Returns `count` for a container to be made of it. A product of sizes that a size_t cannot hold throws
// std::length_error, as a container does for what is beyond its max_size(), where a cast would wrap to fewer elements
// than are then written. Where an allocation is an error as a value, Buffer counts for itself.
inline size_t vectorSize(int64_t count) {
  if (count < 0 || count > static_cast<int64_t>(PTRDIFF_MAX)) throw std::length_error("a count of elements is beyond what memory can hold");
  return static_cast<size_t>(count);
}

}  // namespace beit
