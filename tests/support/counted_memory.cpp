#include "tests/support/counted_memory.h"

#if BEIT_COUNTS_MEMORY

#include <malloc.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

namespace {

// Plain data without initialisation at run time: memory is asked for before main() and on every thread.
std::atomic<int64_t> held{0}, most{0}, begun{0};

int64_t sizeOf(void* memory) { return memory ? static_cast<int64_t>(malloc_usable_size(memory)) : 0; }

void* counted(void* memory) {
  const int64_t size = sizeOf(memory), now = held.fetch_add(size) + size;
  int64_t before = most.load();
  while (now > before && !most.compare_exchange_weak(before, now)) {
  }
  return memory;
}

}  // namespace

extern "C" {

void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* memory, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void* memory);

void* malloc(size_t bytes) { return counted(__libc_malloc(bytes)); }
void* calloc(size_t count, size_t bytes) { return counted(__libc_calloc(count, bytes)); }
void* memalign(size_t alignment, size_t bytes) { return counted(__libc_memalign(alignment, bytes)); }
void* aligned_alloc(size_t alignment, size_t bytes) { return counted(__libc_memalign(alignment, bytes)); }

int posix_memalign(void** memory, size_t alignment, size_t bytes) {
  *memory = counted(__libc_memalign(alignment, bytes));
  return *memory ? 0 : ENOMEM;
}

void free(void* memory) {
  held -= sizeOf(memory);
  __libc_free(memory);
}

void* realloc(void* memory, size_t bytes) {
  const int64_t before = sizeOf(memory);
  void* const moved = counted(__libc_realloc(memory, bytes));
  if (moved || bytes == 0) held -= before;  // a failure leaves the old block
  return moved;
}

}  // extern "C"

namespace beit::test {

void beginCounting() {
  begun = held.load();
  most = held.load();
}

int64_t mostHeld() { return most - begun; }

}  // namespace beit::test

#else

namespace beit::test {

void beginCounting() {}
int64_t mostHeld() { return 0; }

}  // namespace beit::test

#endif
