// Whether tiles of two panels are the faster ones: where an engine joins pairs of vectors, which no probe tells and which only
// code does that it has compiled for the second time.
#pragma once

#include "src/base/result.h"
#include "src/kernels/execution.h"

namespace beit {

// The least seconds that a product took in tiles of one and of two panels. Zeros where it was not done.
struct TileSeconds {
  double narrow = 0.0, wide = 0.0;
};

// Of each kind of product whose tiles a trial chooses.
struct TileTimes {
  TileSeconds f32, w8a16;
};

// Does products of 25 million multiplications and additions of floats, where their tiles are tall ones, which alone can be wide,
// and of 50 million of 16-bit integers, in tiles of one and of two panels, in turn. Returns the seconds that they took.
// Error: kOutOfMemory.
Result<TileTimes> timeTiles(const Microkernels& kernels);

// When trials are held, and what follows from them. All seconds are those of one clock.
class TileTrials {
 public:
  // Told that a pass begins. Returns whether a trial is due: not before the first pass, after which the kernels have been compiled
  // well, and then less and less often, until there have been enough.
  bool due(double now);

  // Returns `kernels` with the panels that tiles are to have from now on, after a trial that found these times. What is not clearly faster
  // or slower stays as it was.
  static Microkernels decide(Microkernels kernels, const TileTimes& times);

 private:
  int passes_ = 0, trials_ = 0;
  double next_ = 0.0;
};

}  // namespace beit
