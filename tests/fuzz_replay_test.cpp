// The inputs that fuzzing kept, each of which took a way through a reader that no other took.
#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <vector>

#include "tests/fuzz/targets.h"
#include "tests/support/files.h"

// Hardening is easily lost without a word.
#if defined(BEIT_HARDENED)
static_assert(_LIBCPP_HARDENING_MODE == _LIBCPP_HARDENING_MODE_FAST, "see tests/support/hardened");
#elif defined(__GLIBCXX__) && !defined(_GLIBCXX_ASSERTIONS)
#error "see cmake/variant.cmake"
#endif

namespace {

namespace fs = std::filesystem;
using namespace beit;

}  // namespace

TEST_CASE("no kept input of fuzzing breaks a reader's promise", "[fuzz]") {
  for (const auto& [name, target] : fuzz::kTargets) {
    DYNAMIC_SECTION(name) {
      size_t inputs = 0;
      for (const auto& entry : fs::directory_iterator(fs::path(BEIT_FUZZ_CORPUS) / name)) {
        CAPTURE(entry.path().filename().string());
        const auto bytes = test::readBytes(entry.path());
        const char* broken = target(bytes);
        if (broken) FAIL(broken);
        ++inputs;
      }
      CHECK(inputs >= 20);
    }
  }
}
