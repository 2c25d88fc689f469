// Memory for plain elements whose allocation can fail as a value, and which can take over what C
// code has allocated with malloc.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "src/base/memory_count.h"
#include "src/base/result.h"

namespace beit {

template <typename T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  Buffer() = default;

  // Returns `count` uninitialised elements, or kOutOfMemory with the bytes that were asked for. The count has 64 bits
  // wherever this is compiled: a product of sizes from a file wraps in the 32 bits of wasm's size_t, and must not be cast
  // to one before it is checked here. A negative count is one that has wrapped already, and is refused.
  // With `counted` they are counted there and have no memory (see Workspace).
  static Result<Buffer> allocate(int64_t count, std::string_view purpose, MemoryCount* counted = nullptr) {
    Buffer buffer;
    if (count >= 0 && count <= static_cast<int64_t>(PTRDIFF_MAX / sizeof(T))) {
      // malloc(0) may be a null pointer: one element at least.
      const size_t bytes = static_cast<size_t>(count ? count : 1) * sizeof(T);
      buffer.data_.reset(static_cast<T*>(counted ? countMemory(*counted, static_cast<int64_t>(bytes)) : std::malloc(bytes)));
    }
    if (!buffer.data_) return outOfMemory(purpose, count, static_cast<int64_t>(sizeof(T)));
    buffer.size_ = static_cast<size_t>(count);
    return buffer;
  }

  // Takes over `count` elements that malloc gave.
  static Buffer adopt(T* data, size_t count) {
    Buffer buffer;
    buffer.data_.reset(data);
    buffer.size_ = count;
    return buffer;
  }

  // Keeps the first `count` elements; their memory stays as large as it was.
  void truncate(size_t count) {
    assert(count <= size_);
    size_ = count;
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](size_t i) { return data_.get()[i]; }
  const T& operator[](size_t i) const { return data_.get()[i]; }
  T* begin() { return data(); }
  T* end() { return data() + size_; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }
  operator std::span<const T>() const { return {data(), size_}; }

 private:
  std::unique_ptr<T, FreeMemory> data_;
  size_t size_ = 0;
};

}  // namespace beit
