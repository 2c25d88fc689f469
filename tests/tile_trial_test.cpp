#include "src/kernels/tile_trial.h"

#include <utility>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "src/kernels/gemm/f32_microkernel.h"

namespace beit {

TEST_CASE("A trial times tiles of all forms, wide ones of floats where they are tall", "[tile_trial]") {
  for (const int64_t rows : {kMr, kTallMr}) {
    const auto times = timeTiles({.f32_rows = rows});
    REQUIRE(times.ok());
    CHECK(times->f32.narrow > 0);
    CHECK(times->f32.flat > 0);
    CHECK((times->f32.wide > 0) == (rows == kTallMr));
    CHECK(times->w8a16.narrow > 0);
    CHECK(times->w8a16.wide > 0);
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
