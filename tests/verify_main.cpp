// beit_verify CASE...: the native twin of `beit verify`.
#include <cstdio>

#include "tests/support/case.h"

int main(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr, "beit_verify: name one case folder or more.\n");
    return 2;
  }
  const auto execution = beit::Execution::create(2);
  if (!execution.ok()) {
    std::fprintf(stderr, "beit_verify: %s\n", execution.error().message.c_str());
    return 2;
  }
  int failed = 0;
  for (int i = 1; i < count; ++i) {
    const auto rows = beit::test::runCase(arguments[i], **execution);
    if (!rows.ok()) {
      std::printf("%s: FAIL: %s\n", arguments[i], rows.error().message.c_str());
      ++failed;
      continue;
    }
    for (const auto& row : *rows) {
      std::printf("%s: %-20s %-10.3g %s\n", arguments[i], row.output.c_str(), row.largest_difference, row.pass ? "pass" : "FAIL");
      failed += !row.pass;
    }
  }
  std::printf("%s\n", failed ? "Some outputs differ." : "All outputs agree.");
  return failed ? 1 : 0;
}
