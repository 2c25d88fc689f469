// What a computation runs on: threads, memory, the account of where its time goes, and the forms that kernels take on the
// engine that compiled them. Passed down from whoever starts the threads to every layer and kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "src/base/result.h"
#include "src/base/workspace.h"
#include "src/kernels/thread_pool.h"
#include "src/kernels/work_profile.h"

namespace beit {

// Results are the same to the last bit whatever is chosen here.
struct Microkernels {
  // The most rows of a tile of the f32 microkernel that has one panel: kMr, or kTallMr where the engine compiles it well (see
  // src/kernels/gemm/f32_microkernel.h).
  int64_t f32_rows = 4;
  // The panels of a tile, at most kMostPanels: two where they are faster, which a trial tells (src/kernels/tile_trial.h).
  int64_t f32_panels = 1;
  // The most rows of a tile of two panels: kFlatMr or kTallMr.
  int64_t f32_wide_rows = 2;
  // The same of w8a16Microkernel() (src/kernels/gemm/w8a16.h).
  int64_t w8a16_panels = 1;

  // The most rows of the tiles that are chosen.
  int64_t f32TileRows() const { return f32_panels == 1 ? f32_rows : f32_wide_rows; }
};

class Execution {
 public:
  // Errors: those of ThreadPool::create().
  static Result<std::unique_ptr<Execution>> create(int threads, Microkernels microkernels = {});
  Execution(std::unique_ptr<const ThreadPool> pool, Microkernels microkernels) : pool_(std::move(pool)), microkernels_(microkernels) {}
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;

  const ThreadPool& pool() const { return *pool_; }
  int threads() const { return pool_->threads(); }
  const Microkernels& microkernels() const { return microkernels_; }
  void choose(Microkernels microkernels) { microkernels_ = microkernels; }  // not while anything runs on this

  // ThreadPool::parallelFor(), and a computation that is too small or too tangled for it. Whatever touches elements
  // that workspace() gave goes through one of them: neither does anything while memory is only counted.
  template <typename Body>
  void parallelFor(size_t count, const Body& body) const {
    if (!workspace_.counting()) pool_->parallelFor(count, body);
  }
  template <typename Body>
  void compute(const Body& body) const {
    if (!workspace_.counting()) body();
  }

  // Only the thread that owns this asks it for memory.
  Workspace& workspace() const { return workspace_; }

  // The account of the work that ran here. Only the thread that owns this touches it.
  WorkProfile& profile() const { return profile_; }

 private:
  const std::unique_ptr<const ThreadPool> pool_;
  Microkernels microkernels_;
  mutable Workspace workspace_;
  mutable WorkProfile profile_;
};

}  // namespace beit
