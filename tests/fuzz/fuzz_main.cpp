// A program of libFuzzer for all targets:
//   beit_fuzz --target=NAME [--cpu-seconds=N] [libFuzzer's own flags] FOLDER...
// Flags with two dashes are ours; libFuzzer passes them over.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string_view>

#include "tests/fuzz/targets.h"

namespace {

beit::fuzz::Target target = nullptr;
// Processor time and not libFuzzer's -max_total_time, which counts other programs' work on a busy
// machine. 0: no end.
std::clock_t most_time = 0;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  for (int i = 1; i < *argc; ++i) {
    const std::string_view flag = (*argv)[i];
    constexpr std::string_view kTarget = "--target=", kSeconds = "--cpu-seconds=";
    if (flag.starts_with(kSeconds)) most_time = std::atol((*argv)[i] + kSeconds.size()) * CLOCKS_PER_SEC;
    if (!flag.starts_with(kTarget)) continue;
    for (const auto& [name, function] : beit::fuzz::kTargets)
      if (name == flag.substr(kTarget.size())) target = function;
  }
  if (target) return 0;
  std::fprintf(stderr, "--target= takes one of:");
  for (const auto& [name, function] : beit::fuzz::kTargets) std::fprintf(stderr, " %s", name.data());
  std::fprintf(stderr, "\n");
  std::exit(2);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (const char* broken = target({data, size})) {
    std::fprintf(stderr, "Found %s.\n", broken);
    std::abort();
  }
  static unsigned runs = 0;
  if (most_time > 0 && ++runs % 64 == 0 && std::clock() > most_time) std::raise(SIGUSR1);  // the graceful end
  return 0;
}
