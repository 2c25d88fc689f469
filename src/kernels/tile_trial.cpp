#include "src/kernels/tile_trial.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "src/base/buffer.h"
#include "src/kernels/gemm/f32_microkernel.h"
#include "src/kernels/gemm/w8a16.h"

namespace beit {

namespace {

constexpr int kMostTrials = 6;
constexpr double kFirstPause = 0.25;  // twice as long each time
// Where both are compiled well wide tiles are a quarter to a third faster, or slower; a trial may be off by a tenth.
constexpr double kGain = 1.15;

// Calls tile(panels) for tiles of one and of two panels in turn, `tiles` wide ones a reading: so many that it takes about a millisecond,
// since pages have clocks that tick ten times in one.
template <typename Tile>
TileSeconds timeBoth(int tiles, const Tile& tile) {
  constexpr int kReadings = 3;
  using Clock = std::chrono::steady_clock;
  double least[kMostPanels] = {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  for (int reading = 0; reading < kReadings; ++reading)
    for (int64_t panels = 1; panels <= kMostPanels; ++panels) {
      const Clock::time_point begin = Clock::now();
      for (int64_t i = 0; i < tiles * kMostPanels; i += panels) tile(panels);
      least[panels - 1] = std::min(least[panels - 1], std::chrono::duration<double>(Clock::now() - begin).count());
    }
  return {least[0], least[1]};
}

// A clock that did not tick says nothing.
void choose(const TileSeconds& seconds, int64_t& panels) {
  if (!(seconds.narrow > 0.0 && seconds.wide > 0.0)) return;
  if (seconds.narrow > kGain * seconds.wide) panels = kMostPanels;
  if (seconds.wide > kGain * seconds.narrow) panels = 1;
}

}  // namespace

Result<TileTimes> timeTiles(const Microkernels& kernels) {
  constexpr int64_t kDepth = 256;
  // Rows and panels are read only: the same zeros serve as both, and as scales and biases.
  constexpr int64_t kCount = kMostPanels * kDepth * kNr;
  BEIT_ASSIGN(FloatBuffer float_zeros, FloatBuffer::allocate(kCount, "a trial of tiles"));
  BEIT_ASSIGN(auto integer_zeros, Buffer<int16_t>::allocate(kCount, "a trial of tiles"));
  const float* floats = float_zeros.data();
  const int16_t* integers = integer_zeros.data();
  std::fill_n(float_zeros.data(), kCount, 0.0f);
  std::fill_n(integer_zeros.data(), kCount, static_cast<int16_t>(0));
  float output[kTallMr * kMostPanels * kNr];
  TileTimes times;
  if (kernels.f32_rows == kTallMr)
    times.f32 = timeBoth(512, [&](int64_t panels) {
      f32Microkernel(kTallMr, panels * kNr, kDepth, floats, /*stride=*/0, floats, kDepth * kNr, nullptr, 0, output, kMostPanels * kNr, {});
    });
  times.w8a16 = timeBoth(1536, [&](int64_t panels) {
    w8a16Microkernel(kMr, panels * kNr, kDepth, integers, floats, integers, floats, floats, output, kMostPanels * kNr, {});
  });
  return times;
}

bool TileTrials::due(double now) {
  if (passes_++ == 0 || trials_ == kMostTrials || now < next_) return false;
  next_ = now + kFirstPause * static_cast<double>(1 << trials_);
  ++trials_;
  return true;
}

Microkernels TileTrials::decide(Microkernels kernels, const TileTimes& times) {
  choose(times.f32, kernels.f32_panels);
  choose(times.w8a16, kernels.w8a16_panels);
  return kernels;
}

}  // namespace beit
