#include "src/base/memory_count.h"

#include <cstdlib>

namespace beit {

namespace {

// What a counted pointer leads to. It is told from memory by its lowest bit, which no allocation has.
struct Counted {
  MemoryCount* count;
  int64_t bytes;
};
constexpr uintptr_t kCounted = 1;

}  // namespace

void* countMemory(MemoryCount& count, int64_t bytes) {
  auto* counted = static_cast<Counted*>(std::malloc(sizeof(Counted)));
  if (!counted) return nullptr;
  *counted = {&count, bytes};
  count.take(bytes);
  return reinterpret_cast<char*>(counted) + kCounted;
}

void freeMemory(void* pointer) {
  if ((reinterpret_cast<uintptr_t>(pointer) & kCounted) != 0) {
    pointer = static_cast<char*>(pointer) - kCounted;
    const auto* counted = static_cast<const Counted*>(pointer);
    counted->count->give(counted->bytes);
  }
  std::free(pointer);
}

}  // namespace beit
