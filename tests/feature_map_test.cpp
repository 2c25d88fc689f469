#include "src/kernels/feature_map.h"

#include <cmath>
#include <limits>

#include <catch2/catch_test_macros.hpp>

#include "tests/support/runtime.h"

namespace beit {

TEST_CASE("The maximum of four is a NaN where one of them is, wherever", "[feature_map]") {
  const Execution& execution = test::execution();
  for (int64_t odd = -1; odd < 4; ++odd) {
    CAPTURE(odd);
    auto input = FeatureMap::allocate(execution.workspace(), {2, 2}, 1, "input");
    auto output = FeatureMap::allocate(execution.workspace(), {1, 1}, 1, "output");
    REQUIRE((input.ok() && output.ok()));
    for (int64_t i = 0; i < 4; ++i) input->data()[i] = i == odd ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(i % 3);
    maxPool2(execution, *input, *output);
    if (odd < 0) CHECK(output->data()[0] == 2.0f);
    else CHECK(std::isnan(output->data()[0]));
  }
}

}  // namespace beit
