#include "src/kernels/thread_trial.h"

#include <algorithm>
#include <chrono>

#include "src/base/buffer.h"
#include "src/kernels/gemm/f32.h"

namespace beit {

Result<double> timeThreads(const Execution& execution, int threads) {
  // Between a small model's layer and a base model's, cut into tasks as they are.
  constexpr int64_t kRows = 64, kInputs = 256, kOutputs = 512;
  static_assert(kRows <= kOutputs);
  // Longer than a turn of the scheduler: what a thread gets that shares its processor.
  constexpr double kSeconds = 0.01;
  using Clock = std::chrono::steady_clock;
  // Rows and panels are read only: the same zeros serve as both.
  BEIT_ASSIGN(FloatBuffer zeros, FloatBuffer::allocate(packedFloats(kInputs, kOutputs), "a trial of threads"));
  BEIT_ASSIGN(FloatBuffer output, FloatBuffer::allocate(kRows * kOutputs, "a trial of threads"));
  std::fill_n(zeros.data(), zeros.size(), 0.0f);
  execution.pool().limit(threads);
  int products = 0;
  double seconds;
  const Clock::time_point begin = Clock::now();
  do {
    forGemmTasks(execution, kRows, panelsOf(kOutputs), kInputs * static_cast<int64_t>(sizeof(float)),
                 [&](size_t, int64_t row, int64_t last_row, int64_t panel, int64_t last_panel) {
                   multiplyPacked(execution.microkernels(), last_row - row, kInputs, (last_panel - panel) * kNr,
                                  zeros.data() + row * kInputs, kInputs, zeros.data() + packedFloats(kInputs, panel * kNr), nullptr,
                                  output.data() + row * kOutputs + panel * kNr, kOutputs);
                 });
    ++products;
    seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  } while (seconds < kSeconds);
  return seconds / products;
}

}  // namespace beit
