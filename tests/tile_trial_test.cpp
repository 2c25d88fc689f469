#include "src/kernels/tile_trial.h"

#include <catch2/catch_test_macros.hpp>

namespace beit {

TEST_CASE("A trial times tiles of both widths", "[tile_trial]") {
  const auto seconds = timeTiles({});
  REQUIRE(seconds.ok());
  CHECK(seconds->first > 0);
  CHECK(seconds->second > 0);
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
  TileTrials trials;
  CHECK(trials.decide(1.0, 0.95) == 1);
  CHECK(trials.decide(1.0, 0.7) == 2);
  CHECK(trials.decide(1.0, 1.05) == 2);
  CHECK(trials.decide(0.0, 0.0) == 2);
  CHECK(trials.decide(1.0, 1.5) == 1);
  CHECK(trials.decide(1.0, 0.0) == 1);
}

}  // namespace beit
