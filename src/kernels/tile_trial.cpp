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
// A reading is so long, if the clock ticks often enough. Chromium's pages have clocks that tick ten times in a millisecond, those of
// Firefox and WebKit once, unless they are isolated.
constexpr double kReading = 0.7e-3;
// The ticks of a reading.
constexpr double kTicks = 6.0;
// Between two looks at the clock work is done that takes a processor of today about a twentieth of a reading.
constexpr int64_t kPiece = 384;  // panels of one row
constexpr int kMostPieces = 1024;

// Tiles to be tried, and where their seconds go.
struct Candidate {
  int64_t rows, panels;
  double& seconds;
};

// Returns how long a reading has to be, in seconds, or zero: a clock tells nothing that stands still, as some servers' does while a program
// computes, or ticks more rarely than browsers' clocks do. Works, a tile at a time, until the clock has ticked a few times.
template <typename Work>
double lengthOfReading(TrialClock clock, const Work& work) {
  constexpr double kCoarsest = 2e-3;
  constexpr int kEdges = 3;
  constexpr int kMostTiles = 12'288;  // a processor of today does them in eight milliseconds
  double tick = kCoarsest, last = clock();
  for (int tiles = 0, edges = 0; edges < kEdges && tiles < kMostTiles; ++tiles) {
    work();
    const double now = clock();
    if (now == last) continue;
    if (edges > 0) tick = std::min(tick, now - last);
    last = now;
    ++edges;
  }
  return tick < kCoarsest ? std::max(kReading, (kTicks - 0.5) * tick) : 0.0;  // the half is for what doubles are off by
}

// Whether a reading is that long because the clock ticks rarely.
bool isRare(double length) { return length > kReading; }

// Calls tile(rows, panels) for the tiles of each candidate in turn, for readings of that length.
template <typename Tile>
void timeTilesOf(std::span<const Candidate> candidates, TrialClock clock, double length, const Tile& tile) {
  // Works until the clock shows what is wanted, or there has been enough of it. Returns how many panels were done.
  const auto work = [&](const Candidate& candidate, const auto& isOver) {
    const int64_t tiles = kPiece / (candidate.rows * candidate.panels);
    int64_t panels = 0;
    for (int piece = 0; piece < kMostPieces; ++piece) {
      for (int64_t i = 0; i < tiles; ++i) tile(candidate.rows, candidate.panels);
      panels += tiles * candidate.rows * candidate.panels;
      if (isOver(clock())) break;
    }
    return panels;
  };
  const int readings = isRare(length) ? 2 : 3;  // what disturbs a short one is most of it
  for (int reading = 0; reading < readings; ++reading)
    for (const Candidate& candidate : candidates) {
      // A reading begins with a tick.
      const double before = clock();
      double begin = before, passed = 0.0;
      work(candidate, [&](double now) { return (begin = now) != before; });
      const int64_t panels = work(candidate, [&](double now) { return (passed = now - begin) >= length; });
      if (passed < length) continue;  // the clock stopped
      const double seconds = passed / static_cast<double>(panels);
      if (candidate.seconds == 0.0 || seconds < candidate.seconds) candidate.seconds = seconds;
    }
}

}  // namespace

double secondsOfSteadyClock() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

Result<TileTimes> timeTiles(const Microkernels& kernels, int trial, TrialClock clock) {
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
  const auto float_tile = [&](int64_t rows, int64_t panels) {
    f32Microkernel(rows, panels * kNr, kDepth, floats, /*stride=*/0, floats, kDepth * kNr, nullptr, 0, output, kMostPanels * kNr, {});
  };
  const double length = lengthOfReading(clock, [&] { float_tile(kernels.f32_rows, 1); });
  if (length == 0.0) return times;
  if (isRare(length)) times.gain = kTileGainWithRareTicks;
  // Both in one would take longer than the 50 ms that may pass until an engine hears of an abort.
  const bool is_for_floats = trial % 2 == 0;
  if (is_for_floats || !isRare(length))
    timeTilesOf(std::span(of_floats).first(kernels.f32_rows == kTallMr ? 3 : 2), clock, length, float_tile);
  if (is_for_floats && isRare(length)) return times;
  const Candidate of_integers[] = {{kMr, 1, times.w8a16.narrow}, {kMr, 2, times.w8a16.wide}};
  timeTilesOf(of_integers, clock, length, [&](int64_t rows, int64_t panels) {
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
  // Zeros say nothing.
  const auto faster = [&](double other, double seconds) { return other > 0.0 && seconds > times.gain * other; };
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
