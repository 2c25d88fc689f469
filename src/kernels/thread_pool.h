// The one pool of threads of a module.
#pragma once

#include <cstddef>
#include <memory>

#include "src/base/result.h"

struct pthreadpool;

namespace beit {

class ThreadPool {
 public:
  // Returns a pool of `threads` workers, the caller's thread being one of them. 1 makes no thread.
  // Errors: kInvalidArgument outside 1..256, kOutOfMemory when the system gives no thread.
  static Result<std::unique_ptr<ThreadPool>> create(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  // From now on at most `threads` of the pool's threads work at a time, the caller's included: 1..threads(). All
  // results stay the same. Only the thread that owns the pool calls it.
  void limit(int threads) const;

  // Calls body(thread, i) for each i of 0..count-1, in any order, and returns when all are done;
  // `thread` is in 0..threads()-1 and no two calls run with the same one at a time.
  template <typename Body>
  void parallelFor(size_t count, const Body& body) const {
    run(
        count, [](void* context, size_t thread, size_t i) { (*static_cast<const Body*>(context))(thread, i); }, const_cast<Body*>(&body));
  }

  // The pool as operators of XNNPACK take it, which `npm run bench:gemm` races products with; null for a single thread.
  pthreadpool* handle() const { return pool_; }

 private:
  ThreadPool(pthreadpool* pool, int threads) : pool_(pool), threads_(threads) {}
  void run(size_t count, void (*task)(void*, size_t, size_t), void* context) const;

  pthreadpool* pool_;
  int threads_;
};

}  // namespace beit
