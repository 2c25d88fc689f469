#include "src/kernels/tile_trial.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>

#include "src/base/buffer.h"
#include "src/kernels/gemm/f32_microkernel.h"
#include "src/kernels/gemm/w8a16.h"

namespace beit {

namespace {

constexpr int kMostTrials = 6;
constexpr double kFirstPause = 0.25;  // twice as long each time
// Where each is compiled well the fastest tiles are a quarter to a half faster; a trial may be off by a tenth.
constexpr double kGain = 1.15;

// Tiles to be tried, and where their seconds go.
struct Candidate {
  int64_t rows, panels;
  double& seconds;
};

// Calls tile(rows, panels) for the tiles of each candidate in turn, so many that they make up `panels` panels of one row: of such a number
// that a reading takes about a millisecond, since pages have clocks that tick ten times in one.
template <typename Tile>
void timeTilesOf(std::span<const Candidate> candidates, int64_t panels, const Tile& tile) {
  constexpr int kReadings = 3;
  using Clock = std::chrono::steady_clock;
  for (int reading = 0; reading < kReadings; ++reading)
    for (const Candidate& candidate : candidates) {
      const int64_t tiles = panels / (candidate.rows * candidate.panels);
      const Clock::time_point begin = Clock::now();
      for (int64_t i = 0; i < tiles; ++i) tile(candidate.rows, candidate.panels);
      const double seconds = std::chrono::duration<double>(Clock::now() - begin).count() * static_cast<double>(panels) /
                             static_cast<double>(tiles * candidate.rows * candidate.panels);
      if (reading == 0 || seconds < candidate.seconds) candidate.seconds = seconds;
    }
}

// Whether tiles that took `other` seconds are clearly faster than those that took `seconds`. A clock that did not tick says nothing.
bool faster(double other, double seconds) { return other > 0.0 && seconds > kGain * other; }

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
  const Candidate of_floats[] = {
      {kernels.f32_rows, 1, times.f32.narrow}, {kFlatMr, 2, times.f32.flat}, {kTallMr, 2, times.f32.wide}};  // the last one if tall
  timeTilesOf(std::span(of_floats).first(kernels.f32_rows == kTallMr ? 3 : 2), 6144, [&](int64_t rows, int64_t panels) {
    f32Microkernel(rows, panels * kNr, kDepth, floats, /*stride=*/0, floats, kDepth * kNr, nullptr, 0, output, kMostPanels * kNr, {});
  });
  const Candidate of_integers[] = {{kMr, 1, times.w8a16.narrow}, {kMr, 2, times.w8a16.wide}};
  timeTilesOf(of_integers, 12288, [&](int64_t rows, int64_t panels) {
    w8a16Microkernel(rows, panels * kNr, kDepth, integers, floats, integers, floats, floats, output, kMostPanels * kNr, {});
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
  const TileSeconds& f32 = times.f32;
  const bool wide = kernels.f32_panels > 1, flat = wide && kernels.f32_wide_rows == kFlatMr;
  const double now = flat ? f32.flat : wide ? f32.wide : f32.narrow;
  const auto fastest = [&](double seconds) {
    return faster(seconds, now) &&
           std::ranges::none_of(std::array{f32.narrow, f32.wide, f32.flat}, [&](double other) { return other > 0.0 && other < seconds; });
  };
  if (fastest(f32.narrow)) kernels.f32_panels = 1;
  if (fastest(f32.wide)) kernels.f32_panels = 2, kernels.f32_wide_rows = kTallMr;
  if (fastest(f32.flat)) kernels.f32_panels = 2, kernels.f32_wide_rows = kFlatMr;
  if (faster(times.w8a16.wide, times.w8a16.narrow)) kernels.w8a16_panels = kMostPanels;
  if (faster(times.w8a16.narrow, times.w8a16.wide)) kernels.w8a16_panels = 1;
  return kernels;
}

}  // namespace beit
