#include "src/kernels/tile_trial.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "src/base/buffer.h"
#include "src/kernels/gemm/f32_microkernel.h"

namespace beit {

namespace {

constexpr int kMostTrials = 6;
constexpr double kFirstPause = 0.25;  // twice as long each time
// Wide tiles are a third faster or a third slower where both are compiled well; a trial may be off by a tenth.
constexpr double kGain = 1.15;

}  // namespace

Result<std::pair<double, double>> timeTiles(const Microkernels& kernels) {
  constexpr int64_t kDepth = 256;
  constexpr int kReadings = 3;
  constexpr int kTiles = 512;  // a millisecond: pages have clocks that tick ten times in one
  using Clock = std::chrono::steady_clock;
  // Rows and panels are read only: the same zeros serve as both.
  BEIT_ASSIGN(FloatBuffer zeros, FloatBuffer::allocate(kMostPanels * kDepth * kNr, "a trial of tiles"));
  std::fill_n(zeros.data(), zeros.size(), 0.0f);
  float output[kTallMr * kMostPanels * kNr];
  double least[kMostPanels] = {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  for (int reading = 0; reading < kReadings; ++reading)
    for (int64_t panels = 1; panels <= kMostPanels; ++panels) {
      const Clock::time_point begin = Clock::now();
      for (int64_t i = 0; i < kTiles * kMostPanels; i += panels)
        f32Microkernel(kernels.f32_rows, panels * kNr, kDepth, zeros.data(), /*stride=*/0, zeros.data(), kDepth * kNr, nullptr, 0, output,
                       kMostPanels * kNr, {});
      least[panels - 1] = std::min(least[panels - 1], std::chrono::duration<double>(Clock::now() - begin).count());
    }
  return std::pair{least[0], least[1]};
}

bool TileTrials::due(double now) {
  if (passes_++ == 0 || trials_ == kMostTrials || now < next_) return false;
  next_ = now + kFirstPause * static_cast<double>(1 << trials_);
  ++trials_;
  return true;
}

int64_t TileTrials::decide(double narrow_seconds, double wide_seconds) {
  // A clock that did not tick says nothing.
  if (narrow_seconds > 0.0 && wide_seconds > 0.0) {
    if (narrow_seconds > kGain * wide_seconds) panels_ = kMostPanels;
    if (wide_seconds > kGain * narrow_seconds) panels_ = 1;
  }
  return panels_;
}

}  // namespace beit
