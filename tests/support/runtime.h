// What must stand before layers and models run.
#pragma once

#include <cstdlib>
#include <memory>

#include "src/kernels/convolution/xnnpack_runtime.h"
#include "src/kernels/thread_pool.h"

namespace beit::test {

// Returns the one thread pool of the tests, with XNNPACK prepared. BEIT_TEST_THREADS is 1 where the
// build has no threads.
inline const ThreadPool& pool() {
  static const std::unique_ptr<ThreadPool> instance = [] {
    auto created = ThreadPool::create(BEIT_TEST_THREADS);
    if (!initializeXnnpack().ok() || !created.ok()) std::abort();
    return std::move(created).value();
  }();
  return *instance;
}

}  // namespace beit::test
