// Shapes, element types and the one owner of tensor memory.
//
// Letters used in shapes throughout the project: B batch, T tokens (1 + P), P patches, C hidden
// size, H heads, D head size (C / H), F intermediate size, L labels. Images are (channels, height,
// width) as the reference has them, row-major, the last index fastest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/memory_count.h"
#include "src/base/result.h"

namespace beit {

using Shape = std::vector<int64_t>;

// Returns the product of the sizes (1 for a scalar), or nothing when one is negative or the
// product does not fit 2^53, the largest integer that JavaScript counts to.
std::optional<int64_t> elementCount(const Shape& shape);

// Returns "[1, 3, 224, 224]".
std::string toString(const Shape& shape);

enum class DType { kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU64, kU32, kU16, kU8, kBool };

// Returns the bytes of one element: 1, 2, 4 or 8.
int64_t elementSize(DType dtype);

// Returns safetensors' name of the type, such as "BF16".
std::string_view toString(DType dtype);

// Returns the type of that name in safetensors, or nothing for a name that it does not have.
std::optional<DType> parseDType(std::string_view name);

// Memory for floats, aligned to 64 bytes, with `kSlack` more behind it, so that vector kernels may
// read and write whole groups past the end. Allocation failure is a value, not an exception.
class FloatBuffer {
 public:
  static constexpr size_t kSlack = 16;

  FloatBuffer() = default;

  // Returns `count` (not negative) uninitialised floats, or kOutOfMemory with what was asked for. With `counted` they
  // are counted there and have no memory (see Workspace).
  static Result<FloatBuffer> allocate(int64_t count, std::string_view purpose, MemoryCount* counted = nullptr);

  // Returns a copy of those floats, or kOutOfMemory.
  static Result<FloatBuffer> copyOf(std::span<const float> values, std::string_view purpose);

  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::span<float> span() { return {data_.get(), size_}; }
  std::span<const float> span() const { return {data_.get(), size_}; }

 private:
  std::unique_ptr<float, FreeMemory> data_;
  size_t size_ = 0;
};

// A float tensor that owns its elements, as it leaves the library.
struct Tensor {
  Shape shape;
  FloatBuffer values;

  // Returns an uninitialised tensor of that shape, or an error when the shape is no shape or the
  // memory is not there. `counted` as in FloatBuffer::allocate().
  static Result<Tensor> allocate(Shape shape, std::string_view purpose, MemoryCount* counted = nullptr);
};

}  // namespace beit
