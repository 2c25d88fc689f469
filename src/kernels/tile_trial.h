// Whether tiles of two panels are the faster ones: where an engine joins pairs of vectors, which no probe tells and which only
// code does that it has compiled for the second time.
#pragma once

#include <utility>

#include "src/base/result.h"
#include "src/kernels/execution.h"

namespace beit {

// Does products of 25 million multiplications and additions in tiles of one and of two panels, in turn, and returns the least
// seconds that each took. Error: kOutOfMemory.
Result<std::pair<double, double>> timeTiles(const Microkernels& kernels);

// When trials are held, and what follows from them. All seconds are those of one clock.
class TileTrials {
 public:
  // Told that a pass begins. Returns whether a trial is due: not before the first pass, after which the kernels have been compiled
  // well, and then less and less often, until there have been enough.
  bool due(double now);

  // Told what a trial found. Returns the panels that a tile is to have from now on.
  int64_t decide(double narrow_seconds, double wide_seconds);

 private:
  int passes_ = 0, trials_ = 0;
  int64_t panels_ = 1;
  double next_ = 0.0;
};

}  // namespace beit
