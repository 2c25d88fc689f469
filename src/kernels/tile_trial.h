// Which tiles are the fastest. Those of two panels are where an engine joins pairs of vectors, flat ones where splatting floats is dear:
// no probe tells, and it shows only in code that an engine has compiled for the second time.
#pragma once

#include "src/base/result.h"
#include "src/kernels/execution.h"

namespace beit {

// The least seconds that a panel of one row took in tiles of one panel, of two, and in flat ones of two. Zeros where it was not timed.
struct TileSeconds {
  double narrow = 0.0, wide = 0.0, flat = 0.0;
};

// Where each is compiled well the fastest tiles are a quarter to a half faster; a trial may be off by a tenth, and by more where a clock
// ticks rarely, since browsers let each tick come too early or too late, by up to half a tick.
inline constexpr double kTileGain = 1.15, kTileGainWithRareTicks = 1.25;

// Of each kind of product whose tiles a trial chooses.
struct TileTimes {
  TileSeconds f32, w8a16;
  double gain = kTileGain;  // how many times as fast others have to be
};

// A clock that never goes back. Returns seconds from any time on.
using TrialClock = double (*)();
double secondsOfSteadyClock();

// Does products of floats in tiles of one panel, in flat ones and, where tiles are tall ones, in wide ones, and of 16-bit integers in tiles
// of one and of two panels, in turn, three times each. Where the clock ticks rarely, readings are longer, and are those of floats in an
// even `trial` and of integers in an odd one. Returns the seconds that they took: zeros for what was not timed, and where the clock stands
// still or ticks less than 500 times in a second. Error: kOutOfMemory.
Result<TileTimes> timeTiles(const Microkernels& kernels, int trial, TrialClock clock = secondsOfSteadyClock);

// When trials are held, and what follows from them. All seconds are those of one clock.
class TileTrials {
 public:
  // Told that a pass begins. Returns whether a trial is due: not before the first pass, after which the kernels have been compiled
  // well, and then less and less often, until there have been enough.
  bool due(double now);

  // How many have been due.
  int count() const { return trials_; }

  // Returns `kernels` with the tiles that are to be taken from now on, after a trial that found these times. They stay as they are
  // where no others are clearly faster.
  static Microkernels decide(Microkernels kernels, const TileTimes& times);

 private:
  int passes_ = 0, trials_ = 0;
  double next_ = 0.0;
};

}  // namespace beit
