// What must stand before layers and models run.
#pragma once

#include <cstdlib>
#include <memory>

#include "src/kernels/execution.h"
#include "src/kernels/gemm/f32_microkernel.h"

namespace beit::test {

// kWide: tall ones of two panels, as those of integers then; kFlat: of two rows and two panels.
enum class Tiles { kUsual, kTall, kWide, kFlat };

// Returns what the tests compute on. BEIT_TEST_THREADS is 1 where the build has no threads.
inline const Execution& execution(Tiles tiles = Tiles::kUsual) {
  const auto make = [](Microkernels kernels) {
    auto created = Execution::create(BEIT_TEST_THREADS, kernels);
    if (!created.ok()) std::abort();
    return std::move(created).value();
  };
  static const std::unique_ptr<Execution> usual = make({});
  if (tiles == Tiles::kUsual) return *usual;
  static const std::unique_ptr<Execution> tall = make({.f32_rows = kTallMr}), flat = make({.f32_panels = 2, .f32_wide_rows = kFlatMr}),
                                          wide = make({.f32_rows = kTallMr, .f32_panels = 2, .f32_wide_rows = kTallMr, .w8a16_panels = 2});
  return tiles == Tiles::kTall ? *tall : tiles == Tiles::kFlat ? *flat : *wide;
}

}  // namespace beit::test
