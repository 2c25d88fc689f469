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
#include <time.h>
#include <unistd.h>
#endif
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <pthreadpool.h>

#include "src/kernels/pthreadpool_threads.h"

#include "threadpool-atomics.h"
#include "threadpool-common.h"
#include "threadpool-object.h"
#include "threadpool-utils.h"

typedef pthreadpool_atomic_uint32_t Word;

// What stands before each struct pthreadpool.
struct Crew {
  _Alignas(PTHREADPOOL_CACHELINE_SIZE) Word state;   // of the last job, see below
  _Alignas(PTHREADPOOL_CACHELINE_SIZE) Word number;  // of jobs so far: what sleeping threads watch
  Word sleeping;                                     // threads that sleep, or are about to
  Word begun;                                        // threads that have begun: what each takes of memory for itself is taken
  Word limit;                                        // how many threads may join a job
  uint32_t expected;                                 // sixteen times the threads that come to a job on average; the caller's
};

// The state's bits: threads that are at work, threads that have joined in all, flags, the job's number.
enum {
  kAtWork = 0xFF,
  kJoinedShift = 8,
  kJoinedMask = 0xFF,
  kJoin = 0x101,
  kClosed = 0x10000,   // nobody may join any more
  kWaiting = 0x20000,  // the caller sleeps until the last one leaves
  kStop = 0x40000,     // no job: threads end
  kNumberShift = 19,
};

// How often a word is read before a thread sleeps, which is longer than most gaps between the jobs of a
// pass. Of 300, 2000 and 8000 none is faster with two threads on two processors; eight threads there
// take longer with 8000.
enum { kSpins = 2000 };

// How long a sleep lasts at most, in nanoseconds: until it is ended, or until a new pool goes on
// without a thread that has not begun.
static const int64_t kForever = -1, kBeginning = 500000000;

#if defined(__EMSCRIPTEN__)
static void sleepWhile(Word* word, uint32_t value, int64_t nanoseconds) {
  __builtin_wasm_memory_atomic_wait32((int*)word, (int)value, nanoseconds);
}
static void wake(Word* word, uint32_t count) { __builtin_wasm_memory_atomic_notify((int*)word, count); }
#else
static void sleepWhile(Word* word, uint32_t value, int64_t nanoseconds) {
  const struct timespec most = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, nanoseconds < 0 ? NULL : &most);
}
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

static struct Crew* crewOf(struct pthreadpool* pool) { return (struct Crew*)pool - 1; }

static void* threadMain(void* argument) {
  struct thread_info* thread = argument;
  struct pthreadpool* pool = thread->threadpool;
  struct Crew* crew = crewOf(pool);
  uint32_t last = 0;  // the job that this thread has joined: twice would be once too often for its tasks
  uint32_t spins = 0;
  atomic_fetch_add(&crew->begun, 1);
  wake(&crew->begun, 1);
  for (;;) {
    const uint32_t number = atomic_load(&crew->number);
    uint32_t state = atomic_load(&crew->state);
    if (state & kStop) return NULL;
    if (!(state & kClosed) && state >> kNumberShift != last &&
        (state >> kJoinedShift & kJoinedMask) < pthreadpool_load_relaxed_uint32_t(&crew->limit)) {
      if (!atomic_compare_exchange_weak(&crew->state, &state, state + kJoin)) continue;
      last = state >> kNumberShift;
      work(pool, thread, pthreadpool_load_relaxed_uint32_t(&pool->flags));
      // The last to leave wakes the caller.
      if ((atomic_fetch_sub(&crew->state, 1) & (kAtWork | kWaiting)) == (kWaiting | 1)) wake(&crew->state, 1);
      spins = 0;
    } else if (spins < kSpins) {
      pthreadpool_yield();
      ++spins;
    } else {
      // A job that was opened after `number` was read has changed it, and then there is no sleep. Who is
      // woken too late for a job sleeps again without spinning.
      atomic_fetch_add(&crew->sleeping, 1);
      sleepWhile(&crew->number, number, kForever);
      atomic_fetch_sub(&crew->sleeping, 1);
    }
  }
}

struct pthreadpool* pthreadpool_create(size_t threads_count) {
  void* memory = NULL;
  const size_t bytes = sizeof(struct Crew) + sizeof(struct pthreadpool) + threads_count * sizeof(struct thread_info);
  if (posix_memalign(&memory, PTHREADPOOL_CACHELINE_SIZE, bytes) != 0) return NULL;
  memset(memory, 0, bytes);
  struct Crew* crew = memory;
  struct pthreadpool* pool = (struct pthreadpool*)(crew + 1);
  atomic_store(&crew->state, kClosed);
  pthread_mutex_init(&pool->execution_mutex, NULL);
  for (size_t i = 0; i < threads_count; ++i) {
    pool->threads[i].thread_number = i;
    pool->threads[i].threadpool = pool;
  }
  size_t count = 1;  // the caller's thread is the first
  while (count < threads_count && pthread_create(&pool->threads[count].thread_object, NULL, &threadMain, &pool->threads[count]) == 0) {
    ++count;
  }
  pool->threads_count = fxdiv_init_size_t(count);
  for (size_t i = 1; i < count; ++i) {
    const uint32_t begun = atomic_load(&crew->begun);
    if (begun < count - 1) sleepWhile(&crew->begun, begun, kBeginning);
  }
  pthreadpool_limit_threads(pool, count);
  return pool;
}

void pthreadpool_limit_threads(struct pthreadpool* pool, size_t threads) {
  struct Crew* crew = crewOf(pool);
  pthreadpool_store_relaxed_uint32_t(&crew->limit, (uint32_t)threads - 1);
  crew->expected = ((uint32_t)threads - 1) * 16;  // what came while other numbers worked says nothing
}

// Wakes as many threads as there is work for and as have lately come in time, and one more to see
// whether it does: to wake one takes longer than many an item.
static void call(struct Crew* crew, size_t others, size_t range) {
  size_t wanted = crew->expected / 16 + 1;
  if (wanted > range - 1) wanted = range - 1;
  const size_t limit = pthreadpool_load_relaxed_uint32_t(&crew->limit);
  if (wanted > limit) wanted = limit;
  const size_t sleeping = atomic_load(&crew->sleeping);
  if (wanted + sleeping > others) wake(&crew->number, (uint32_t)(wanted + sleeping - others));
}

void pthreadpool_parallelize(struct pthreadpool* pool, thread_function_t function, const void* params, size_t params_size, void* task,
                             void* context, size_t range, uint32_t flags) {
  struct Crew* crew = crewOf(pool);
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

  const uint32_t number = atomic_load(&crew->number) + 1;
  atomic_store(&crew->state, number << kNumberShift);
  atomic_store(&crew->number, number);
  call(crew, pool->threads_count.value - 1, range);

  work(pool, &pool->threads[0], flags);

  uint32_t state = atomic_fetch_or(&crew->state, kClosed) | kClosed;
  const uint32_t joined = state >> kJoinedShift & kJoinedMask;
  crew->expected += joined * 2 - crew->expected / 8;
  for (uint32_t spins = 0; (state & kAtWork) != 0 && spins < kSpins; ++spins) {
    pthreadpool_yield();
    state = atomic_load(&crew->state);
  }
  while ((state & kAtWork) != 0) {
    if ((state & kWaiting) || atomic_compare_exchange_strong(&crew->state, &state, state | kWaiting)) {
      sleepWhile(&crew->state, state | kWaiting, kForever);
      state = atomic_load(&crew->state);
    }
  }
  pthread_mutex_unlock(&pool->execution_mutex);
}

void pthreadpool_destroy(struct pthreadpool* pool) {
  if (!pool) return;
  struct Crew* crew = crewOf(pool);
  atomic_store(&crew->state, kClosed | kStop);
  atomic_fetch_add(&crew->number, 1);
  wake(&crew->number, (uint32_t)pool->threads_count.value);
  for (size_t i = 1; i < pool->threads_count.value; ++i) pthread_join(pool->threads[i].thread_object, NULL);
  pthread_mutex_destroy(&pool->execution_mutex);
  free(crew);
}
