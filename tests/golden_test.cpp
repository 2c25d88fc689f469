// Every reference case of the classes that stand, held against what PyTorch answered.
#include <catch2/catch_test_macros.hpp>

#include "tests/support/case.h"
#include "tests/support/runtime.h"

namespace {

namespace fs = std::filesystem;
using namespace beit;

void runAll(const fs::path& folder, size_t at_least) {
  size_t cases = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!fs::exists(entry.path() / "case.json")) continue;
    DYNAMIC_SECTION(entry.path().filename().string()) {
      const auto rows = test::runCase(entry.path(), test::execution());
      if (!rows.ok()) FAIL(rows.error().message);
      CHECK_FALSE(rows->empty());
      for (const auto& row : *rows) {
        CAPTURE(row.output, row.largest_difference);
        CHECK(row.pass);
      }
    }
    ++cases;
  }
  CHECK(cases >= at_least);
}

}  // namespace

TEST_CASE("models answer as the reference does", "[golden]") { runAll(fs::path(BEIT_FIXTURES) / "golden/models", 29); }

TEST_CASE("checkpoints of every container answer as the reference does", "[golden]") {
  runAll(fs::path(BEIT_FIXTURES) / "golden/formats", 11);
}
