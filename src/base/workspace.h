// Where forward passes take their memory from, and what counts it. The same code allocates and estimates: a pass that
// runs on a counting workspace is given buffers of the right sizes without memory behind them, and computes nothing
// (see Execution::parallelFor() and compute()).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "src/base/buffer.h"
#include "src/base/memory_count.h"
#include "src/base/tensor.h"

namespace beit {

class Workspace {
 public:
  // Gives memory.
  Workspace() = default;
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  // Whether memory is counted and not given: then no element may be touched.
  bool counting() const { return count_ != nullptr; }

  // As FloatBuffer::allocate(), Buffer::allocate() and Tensor::allocate(); they fail when they count, too, where a size
  // is none that this machine can address.
  Result<FloatBuffer> floats(int64_t count, std::string_view purpose) const;
  template <typename T>
  Result<Buffer<T>> elements(int64_t count, std::string_view purpose) const {
    return Buffer<T>::allocate(count, purpose, count_);
  }
  Result<Tensor> tensor(Shape shape, std::string_view purpose) const;

  // Counts `bytes` that `keeper` takes elsewhere on its first run and keeps from then on.
  void keep(const void* keeper, int64_t bytes);

  // As long as one is, its workspace counts. All that was allocated meanwhile must go before it.
  class Counting {
   public:
    explicit Counting(Workspace& workspace);
    ~Counting();
    Counting(const Counting&) = delete;
    Counting& operator=(const Counting&) = delete;

    // Returns the most bytes that were held at a time so far.
    int64_t most() const { return count_.most(); }

   private:
    Workspace& workspace_;
    MemoryCount count_;
  };

 private:
  MemoryCount* count_ = nullptr;
  std::vector<const void*> keepers_;  // that have been counted
};

}  // namespace beit
