// What must stand before layers and models run.
#pragma once

#include <cstdlib>
#include <memory>

#include "src/kernels/execution.h"
#include "src/kernels/gemm/f32_microkernel.h"

namespace beit::test {

// Returns what the tests compute on, one with tall tiles where `tall` says so.
// BEIT_TEST_THREADS is 1 where the build has no threads.
inline const Execution& execution(bool tall = false) {
  const auto make = [](int64_t rows) {
    auto created = Execution::create(BEIT_TEST_THREADS, {.f32_rows = rows});
    if (!created.ok()) std::abort();
    return std::move(created).value();
  };
  static const std::unique_ptr<Execution> plain = make(kMr);
  if (!tall) return *plain;
  static const std::unique_ptr<Execution> with_tall_tiles = make(kTallMr);
  return *with_tall_tiles;
}

}  // namespace beit::test
