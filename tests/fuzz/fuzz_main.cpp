// A program of libFuzzer for the target of number BEIT_FUZZ_TARGET in kTargets.
#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (const char* broken = beit::fuzz::kTargets[BEIT_FUZZ_TARGET].target({data, size})) {
    std::fprintf(stderr, "Found %s.\n", broken);
    std::abort();
  }
  return 0;
}
