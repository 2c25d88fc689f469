#include "src/kernels/execution.h"

namespace beit {

Result<std::unique_ptr<Execution>> Execution::create(int threads, Microkernels microkernels) {
  BEIT_ASSIGN(std::unique_ptr<const ThreadPool> pool, ThreadPool::create(threads));
  return std::make_unique<Execution>(std::move(pool), microkernels);
}

}  // namespace beit
