// A count of bytes that would be held, and the deleter of memory that is either there or only counted.
#pragma once

#include <algorithm>
#include <cstdint>

namespace beit {

class MemoryCount {
 public:
  void take(int64_t bytes) { most_ = std::max(most_, held_ += bytes); }
  void give(int64_t bytes) { held_ -= bytes; }
  // Returns the most that was held at a time.
  int64_t most() const { return most_; }

 private:
  int64_t held_ = 0, most_ = 0;
};

// Returns a pointer that stands for `bytes` without having them, held in `count` until freeMemory(); or null where even
// that finds no memory. Nobody reads or writes there.
void* countMemory(MemoryCount& count, int64_t bytes);

// Gives back what malloc, aligned_alloc or countMemory() gave.
void freeMemory(void* pointer);

struct FreeMemory {
  void operator()(void* pointer) const { freeMemory(pointer); }
};

}  // namespace beit
