#include "src/kernels/tile_trial.h"

#include <cmath>
#include <utility>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "src/kernels/gemm/f32_microkernel.h"

namespace beit {

TEST_CASE("Trials time tiles of all forms, wide ones of floats where they are tall", "[tile_trial]") {
  for (const int64_t rows : {kMr, kTallMr}) {
    // A build with a sanitizer may be so slow that its clock seems to tick rarely.
    const auto floats = timeTiles({.f32_rows = rows}, /*trial=*/0), integers = timeTiles({.f32_rows = rows}, /*trial=*/1);
    REQUIRE(floats.ok());
    REQUIRE(integers.ok());
    CHECK(floats->f32.narrow > 0);
    CHECK(floats->f32.flat > 0);
    CHECK((floats->f32.wide > 0) == (rows == kTallMr));
    CHECK(integers->w8a16.narrow > 0);
    CHECK(integers->w8a16.wide > 0);
  }
}

double g_now = 0.0;

// Clocks that go on by a little each time that they are asked, as if all work took the same, and tick in their own ways.
double tickingEachMillisecond() { return std::floor(1e3 * (g_now += 61e-6)) * 1e-3; }

// As browsers have it: each tick comes by up to half of one too early or too late, always in the same way.
double tickingWithJitter() {
  const double ticks = std::floor(1e3 * (g_now += 61e-6)), phase = 1e3 * g_now - ticks;
  const double threshold = std::fmod(ticks * 0.6180339887, 1.0);
  return (phase < threshold ? ticks : ticks + 1.0) * 1e-3;
}

// Something else has the processor for a while, once.
double jumpingOnce() {
  g_now += 61e-6;
  return g_now > 0.5e-3 ? g_now + 3e-3 : g_now;
}

double tickingTooRarely() { return std::floor(60.0 * (g_now += 61e-6)) / 60.0; }

double standingStill() { return 7.0; }

// By these clocks all pieces take the same, whatever tiles they are made of.
TEST_CASE("Equal tiles are told to be equal, however a clock ticks", "[tile_trial]") {
  for (const auto& [clock, rare] :
       std::vector<std::pair<TrialClock, bool>>{{tickingEachMillisecond, true}, {tickingWithJitter, true}, {jumpingOnce, false}}) {
    g_now = 0.0;
    for (const int trial : {0, 1}) {
      const auto times = timeTiles({.f32_rows = kTallMr}, trial, clock);
      REQUIRE(times.ok());
      CHECK((times->f32.narrow > 0.0) == (!rare || trial == 0));
      CHECK((times->f32.flat > 0.0) == (!rare || trial == 0));
      CHECK((times->w8a16.wide > 0.0) == (!rare || trial == 1));
      for (const Microkernels& kernels :
           {Microkernels{.f32_rows = kTallMr}, Microkernels{.f32_rows = kTallMr, .f32_panels = 2, .w8a16_panels = 2}}) {
        const Microkernels decided = TileTrials::decide(kernels, *times);
        CAPTURE(trial, rare, times->f32.narrow, times->f32.wide, times->f32.flat, times->w8a16.narrow, times->w8a16.wide);
        CHECK(decided.f32_panels == kernels.f32_panels);
        CHECK(decided.w8a16_panels == kernels.w8a16_panels);
      }
    }
  }
}

TEST_CASE("A clock that stands still or ticks too rarely says nothing, and keeps nobody waiting", "[tile_trial]") {
  for (const TrialClock clock : {standingStill, tickingTooRarely}) {
    const auto times = timeTiles({.f32_rows = kTallMr}, /*trial=*/0, clock);
    REQUIRE(times.ok());
    for (const TileSeconds& seconds : {times->f32, times->w8a16})
      CHECK((seconds.narrow == 0.0 && seconds.wide == 0.0 && seconds.flat == 0.0));
    const Microkernels kernels = TileTrials::decide({.f32_rows = kTallMr}, *times);
    CHECK((kernels.f32_panels == 1 && kernels.w8a16_panels == 1));
  }
}

TEST_CASE("Trials wait for the first pass, then come less and less often, and end", "[tile_trial]") {
  TileTrials trials;
  CHECK_FALSE(trials.due(0.0));
  double last = -1.0, pause = 0.0;
  int count = 0;
  for (double now = 0.0; now < 600.0; now += 0.125) {
    if (!trials.due(now)) continue;
    if (count > 1) CHECK(now - last > pause);
    if (count > 0) pause = now - last;
    last = now;
    ++count;
  }
  CHECK(count == 6);
  CHECK(last < 10.0);
}

TEST_CASE("Wide tiles have to be clearly faster to be taken, and clearly slower to be left", "[tile_trial]") {
  const std::vector<std::pair<TileSeconds, int64_t>> trials{{{1.0, 0.95}, 1}, {{1.0, 0.7}, 2}, {{1.0, 1.05}, 2},
                                                            {{0.0, 0.0}, 2},  {{1.0, 1.5}, 1}, {{1.0, 0.0}, 1}};
  Microkernels floats{.f32_rows = kTallMr}, integers;
  for (const auto& [seconds, panels] : trials) {
    floats = TileTrials::decide(floats, {.f32 = seconds, .w8a16 = {}});
    integers = TileTrials::decide(integers, {.f32 = {}, .w8a16 = seconds});
    CHECK(floats.f32_panels == panels);
    CHECK(integers.w8a16_panels == panels);
    CHECK(floats.f32TileRows() == kTallMr);
    CHECK((floats.w8a16_panels == 1 && integers.f32_panels == 1));
  }
}

TEST_CASE("The fastest tiles of floats are taken, of whatever form", "[tile_trial]") {
  struct Case {
    TileSeconds seconds;
    int64_t rows, panels;
  };
  for (const int64_t rows : {kMr, kTallMr}) {
    Microkernels kernels{.f32_rows = rows};
    for (const auto& [seconds, wanted_rows, panels] : std::vector<Case>{{{1.0, 0.0, 0.95}, rows, 1},
                                                                        {{1.0, 0.0, 0.7}, kFlatMr, 2},
                                                                        {{0.9, 0.0, 1.0}, kFlatMr, 2},
                                                                        {{1.0, 0.7, 0.8}, kFlatMr, 2},
                                                                        {{1.0, 0.6, 0.8}, kTallMr, 2},
                                                                        {{1.0, 0.8, 0.6}, kFlatMr, 2},
                                                                        {{0.0, 0.0, 0.0}, kFlatMr, 2},
                                                                        {{1.0, 0.0, 1.5}, rows, 1}}) {
      kernels = TileTrials::decide(kernels, {.f32 = seconds, .w8a16 = {}});
      CAPTURE(rows, seconds.narrow, seconds.wide, seconds.flat);
      CHECK(kernels.f32TileRows() == wanted_rows);
      CHECK(kernels.f32_panels == panels);
    }
  }
}

}  // namespace beit
