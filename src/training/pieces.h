// A long array cut into pieces for the thread pool. Where they are cut depends on its length alone.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

namespace beit {

class Pieces {
 public:
  explicit Pieces(size_t size) : size_(size) {}

  size_t count() const { return (size_ + kPiece - 1) / kPiece; }

  // Returns piece `i` of an array of that size.
  template <typename T>
  std::span<T> of(std::span<T> whole, size_t i) const {
    return whole.subspan(i * kPiece, std::min(kPiece, size_ - i * kPiece));
  }

 private:
  static constexpr size_t kPiece = 16384;
  size_t size_;
};

}  // namespace beit
