// The threads of pthreadpool, in place of its own pthreads.c: same struct, same tasks, another way to
// wait. There every thread must wake up and check out before a call returns, and waiting threads spin
// for 10 ms: with more threads than processors (a container's quota, other tabs, a browser that tells
// a wrong number) each call takes as long as the system needs to give all of them a turn. Here
// - the caller opens a job, works at it, and closes it when no item is left to be claimed. It waits
//   only for threads that joined before that, so one that is not running holds nobody;
// - spinning is short; then a thread sleeps.
// C, since pthreadpool's struct has C11 atomics.
#if !defined(__EMSCRIPTEN__)
#define _GNU_SOURCE 1  // syscall()
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <pthreadpool.h>

#include "threadpool-common.h"
#include "threadpool-atomics.h"
#include "threadpool-object.h"
#include "threadpool-utils.h"

// What this file keeps in fields of the struct that portable-api.c does not read:
// command             the number of the last job, which sleeping threads watch
// has_active_threads  the state of that job, see below
// active_threads      how many threads sleep, or are about to
typedef pthreadpool_atomic_uint32_t Word;

// The state: the job's number in the upper half, then two flags and the threads that have joined.
enum {
  kJoined = 0xFFF,
  kClosed = 0x4000,   // nobody may join any more
  kWaiting = 0x8000,  // the caller sleeps until the last one leaves
  kStop = 0x2000,     // no job: threads end
  kNumberShift = 16,
};

// How often a word is read before a thread sleeps: some 20 to 100 us, which is longer than most gaps
// between the jobs of a pass.
enum { kSpins = 2000 };

#if defined(__EMSCRIPTEN__)
static void sleepWhile(Word* word, uint32_t value) {
  __builtin_wasm_memory_atomic_wait32((int*)word, (int)value, -1);
}
static void wake(Word* word, uint32_t count) { __builtin_wasm_memory_atomic_notify((int*)word, count); }
#else
static void sleepWhile(Word* word, uint32_t value) { syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL); }
static void wake(Word* word, uint32_t count) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count); }
#endif

static void work(struct pthreadpool* pool, struct thread_info* thread, uint32_t flags) {
  struct fpu_state saved = {0};
  if (flags & PTHREADPOOL_FLAG_DISABLE_DENORMALS) {
    saved = get_fpu_state();
    disable_fpu_denormals();
  }
  ((thread_function_t)pthreadpool_load_relaxed_void_p(&pool->thread_function))(pool, thread);
  if (flags & PTHREADPOOL_FLAG_DISABLE_DENORMALS) set_fpu_state(saved);
}

static void* threadMain(void* argument) {
  struct thread_info* thread = argument;
  struct pthreadpool* pool = thread->threadpool;
  Word* const state = &pool->has_active_threads;
  uint32_t last = 0;  // the job that this thread has joined: twice would be once too often for its tasks
  uint32_t spins = 0;
  for (;;) {
    const uint32_t number = atomic_load(&pool->command);
    uint32_t seen = atomic_load(state);
    if (seen & kStop) return NULL;
    if (!(seen & kClosed) && seen >> kNumberShift != last) {
      if (!atomic_compare_exchange_weak(state, &seen, seen + 1)) continue;
      last = seen >> kNumberShift;
      work(pool, thread, pthreadpool_load_relaxed_uint32_t(&pool->flags));
      // The last to leave wakes the caller.
      if ((atomic_fetch_sub(state, 1) & (kJoined | kWaiting)) == (kWaiting | 1)) wake(state, 1);
      spins = 0;
    } else if (spins++ < kSpins) {
      pthreadpool_yield();
    } else {
      // A job that is opened after `number` was read changes it, and then there is no sleep.
      atomic_fetch_add(&pool->active_threads, 1);
      sleepWhile(&pool->command, number);
      atomic_fetch_sub(&pool->active_threads, 1);
      spins = 0;
    }
  }
}

struct pthreadpool* pthreadpool_create(size_t threads_count) {
  struct pthreadpool* pool = pthreadpool_allocate(threads_count);
  if (!pool) return NULL;
  atomic_store(&pool->has_active_threads, kClosed);
  pthread_mutex_init(&pool->execution_mutex, NULL);
  size_t count = 1;  // the caller's thread is the first
  for (size_t i = 0; i < threads_count; ++i) {
    pool->threads[i].thread_number = i;
    pool->threads[i].threadpool = pool;
  }
  while (count < threads_count && pthread_create(&pool->threads[count].thread_object, NULL, &threadMain, &pool->threads[count]) == 0) ++count;
  pool->threads_count = fxdiv_init_size_t(count);
  return pool;
}

void pthreadpool_parallelize(struct pthreadpool* pool, thread_function_t function, const void* params, size_t params_size,
                             void* task, void* context, size_t range, uint32_t flags) {
  pthread_mutex_lock(&pool->execution_mutex);
  pthreadpool_store_relaxed_void_p(&pool->thread_function, (void*)function);
  pthreadpool_store_relaxed_void_p(&pool->task, task);
  pthreadpool_store_relaxed_void_p(&pool->argument, context);
  pthreadpool_store_relaxed_uint32_t(&pool->flags, flags);
  if (params_size != 0) memcpy(&pool->params, params, params_size);

  // Each thread begins with a range of its own and goes on with what others have left.
  const struct fxdiv_result_size_t share = fxdiv_divide_size_t(range, pool->threads_count);
  size_t start = 0;
  for (size_t i = 0; i < pool->threads_count.value; ++i) {
    struct thread_info* thread = &pool->threads[i];
    const size_t length = share.quotient + (i < share.remainder);
    pthreadpool_store_relaxed_size_t(&thread->range_start, start);
    pthreadpool_store_relaxed_size_t(&thread->range_length, length);
    start += length;
    pthreadpool_store_relaxed_size_t(&thread->range_end, start);
  }

  Word* const state = &pool->has_active_threads;
  const uint32_t number = (pthreadpool_load_relaxed_uint32_t(&pool->command) + 1) & 0xFFFF;
  atomic_store(state, number << kNumberShift);
  atomic_store(&pool->command, number);
  // More than there are items for need not come.
  const size_t asleep = atomic_load(&pool->active_threads);
  if (asleep > 0) wake(&pool->command, (uint32_t)(asleep < range - 1 ? asleep : range - 1));

  work(pool, &pool->threads[0], flags);

  uint32_t seen = atomic_fetch_or(state, kClosed) | kClosed;
  for (uint32_t spins = 0; (seen & kJoined) != 0 && spins < kSpins; ++spins) {
    pthreadpool_yield();
    seen = atomic_load(state);
  }
  while ((seen & kJoined) != 0) {
    if ((seen & kWaiting) || atomic_compare_exchange_strong(state, &seen, seen | kWaiting)) {
      sleepWhile(state, seen | kWaiting);
      seen = atomic_load(state);
    }
  }
  pthread_mutex_unlock(&pool->execution_mutex);
}

void pthreadpool_destroy(struct pthreadpool* pool) {
  if (!pool) return;
  atomic_store(&pool->has_active_threads, kClosed | kStop);
  atomic_fetch_add(&pool->command, 1);
  wake(&pool->command, (uint32_t)pool->threads_count.value);
  for (size_t i = 1; i < pool->threads_count.value; ++i) pthread_join(pool->threads[i].thread_object, NULL);
  pthread_mutex_destroy(&pool->execution_mutex);
  pthreadpool_deallocate(pool);
}
