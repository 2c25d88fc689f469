#include "tests/support/watched_allocator.h"

#include <malloc.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

// Plain data without initialisation at run time: memory is asked for before main() and on every thread.
thread_local bool watched = false;
std::atomic<bool> watching{false};
std::atomic<int64_t> granted_after{0}, here{0}, elsewhere{0}, left{0};
std::atomic<int64_t> held{0}, most{0}, begun{0};  // bytes

// Counts an allocation. Returns whether it is the one to refuse.
bool refuses() {
  if (!watching.load(std::memory_order_relaxed)) return false;
  if (watched) return here.fetch_add(1) == granted_after.load();
  elsewhere.fetch_add(1);
  return false;
}

int64_t sizeOf(void* memory) { return memory ? static_cast<int64_t>(malloc_usable_size(memory)) : 0; }

// Counts a block's bytes.
void hold(void* memory) {
  const int64_t size = sizeOf(memory), now = held.fetch_add(size) + size;
  int64_t before = most.load();
  while (now > before && !most.compare_exchange_weak(before, now)) {
  }
}

// Counts a block that was given, or not (null).
void* given(void* memory) {
  if (memory && watching.load(std::memory_order_relaxed)) left.fetch_add(1);
  hold(memory);
  return memory;
}

}  // namespace

namespace beit::test {

void refuseAllocation(int64_t granted) {
  here = 0, elsewhere = 0, left = 0, granted_after = granted;
  watched = true;
  watching = true;
}

AllocationCount allocationsSince() { return {here, elsewhere, here > granted_after, left}; }

AllocationCount grantAll() {
  watching = false;
  watched = false;
  return allocationsSince();
}

void beginCounting() {
  begun = held.load();
  most = held.load();
}

int64_t mostHeld() { return most - begun; }

}  // namespace beit::test

extern "C" {

void* __real_malloc(size_t bytes);
void* __real_calloc(size_t count, size_t bytes);
void* __real_realloc(void* memory, size_t bytes);
void __real_free(void* memory);
void* __real_aligned_alloc(size_t alignment, size_t bytes);
int __real_posix_memalign(void** memory, size_t alignment, size_t bytes);

void* __wrap_malloc(size_t bytes) { return refuses() ? nullptr : given(__real_malloc(bytes)); }
void* __wrap_calloc(size_t count, size_t bytes) { return refuses() ? nullptr : given(__real_calloc(count, bytes)); }

#ifdef __EMSCRIPTEN__
// Whose aligned_alloc asks posix_memalign, below.
void* __wrap_aligned_alloc(size_t alignment, size_t bytes) { return __real_aligned_alloc(alignment, bytes); }
#else
void* __wrap_aligned_alloc(size_t alignment, size_t bytes) { return refuses() ? nullptr : given(__real_aligned_alloc(alignment, bytes)); }
#endif

int __wrap_posix_memalign(void** memory, size_t alignment, size_t bytes) {
  if (refuses()) return ENOMEM;
  const int error = __real_posix_memalign(memory, alignment, bytes);
  if (error == 0) given(*memory);
  return error;
}

void* __wrap_realloc(void* memory, size_t bytes) {
  if (refuses()) return nullptr;
  if (!memory) return given(__real_realloc(memory, bytes));
  const int64_t before = sizeOf(memory);
  void* const moved = __real_realloc(memory, bytes);
  hold(moved);
  if (moved || bytes == 0) held -= before;  // a failure leaves the old block
  return moved;
}

void __wrap_free(void* memory) {
  if (memory && watching.load(std::memory_order_relaxed)) left.fetch_sub(1);
  held -= sizeOf(memory);
  __real_free(memory);
}

}  // extern "C"

#ifndef __EMSCRIPTEN__  // whose operator new is linked in and calls malloc; a shared library's is out of the linker's reach

void* operator new(size_t bytes) {
  if (void* memory = std::malloc(bytes ? bytes : 1)) return memory;
  throw std::bad_alloc();
}
void* operator new[](size_t bytes) { return operator new(bytes); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return std::malloc(bytes ? bytes : 1); }
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept { return std::malloc(bytes ? bytes : 1); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

#endif
