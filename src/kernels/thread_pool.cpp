#include "src/kernels/thread_pool.h"

#include <pthreadpool.h>

#include <cassert>
#include <string>

#include "src/kernels/pthreadpool_threads.h"

namespace beit {

Result<std::unique_ptr<ThreadPool>> ThreadPool::create(int threads) {
  constexpr int kMaxThreads = 256;
  if (threads < 1 || threads > kMaxThreads) return mismatch(ErrorCode::kInvalidArgument, "threads", std::to_string(threads), "1 to 256");
  pthreadpool* pool = nullptr;
  if (threads > 1) {
    pool = pthreadpool_create(static_cast<size_t>(threads));
    if (!pool) return failure(ErrorCode::kOutOfMemory, "threads", std::to_string(threads) + " threads could not be started");
    threads = static_cast<int>(pthreadpool_get_threads_count(pool));
  }
  return std::unique_ptr<ThreadPool>(new ThreadPool(pool, threads));
}

ThreadPool::~ThreadPool() {
  if (pool_) pthreadpool_destroy(pool_);
}

void ThreadPool::limit(int threads) const {
  assert(threads >= 1 && threads <= threads_);
#if !defined(__EMSCRIPTEN__) || defined(__EMSCRIPTEN_PTHREADS__)
  if (pool_) pthreadpool_limit_threads(pool_, static_cast<size_t>(threads));
#else
  static_cast<void>(threads);  // one thread: pthreadpool's shim
#endif
}

void ThreadPool::run(size_t count, void (*task)(void*, size_t, size_t), void* context) const {
  if (!pool_) {
    for (size_t i = 0; i < count; ++i) task(context, 0, i);
    return;
  }
  pthreadpool_parallelize_1d_with_thread(pool_, task, context, count, 0);
}

}  // namespace beit
