// Memory that is counted in place of given.
#include <catch2/catch_test_macros.hpp>

#include "src/base/workspace.h"
#include "src/kernels/feature_map.h"
#include "tests/support/runtime.h"

namespace beit {

TEST_CASE("A workspace that counts holds what its buffers would", "[workspace]") {
  Workspace workspace;
  const Workspace::Counting counting(workspace);
  CHECK(workspace.counting());
  {
    auto first = workspace.elements<uint16_t>(1000, "first");
    REQUIRE(first.ok());
    CHECK(first->size() == 1000);
    CHECK_FALSE(first->empty());
    CHECK(counting.most() == 2000);
    auto second = workspace.elements<uint16_t>(250, "second");
    CHECK(counting.most() == 2500);
    *first = std::move(*second);  // its 2000 bytes go
    auto third = workspace.elements<uint8_t>(1900, "third");
    CHECK(counting.most() == 2500);
    auto fourth = workspace.elements<uint8_t>(101, "fourth");
    CHECK(counting.most() == 2501);
  }
  auto floats = workspace.floats(10000, "floats");
  REQUIRE(floats.ok());
  CHECK(counting.most() >= 40000);
  CHECK(counting.most() < 40200);  // with what lies behind them
}

TEST_CASE("What is kept counts once for each keeper", "[workspace]") {
  Workspace workspace;
  const int a = 0, b = 0;
  workspace.keep(&a, 1);  // nobody counts
  const Workspace::Counting counting(workspace);
  workspace.keep(&a, 10);
  workspace.keep(&b, 5);
  workspace.keep(&a, 10);
  CHECK(counting.most() == 15);
}

TEST_CASE("A workspace gives memory again when counting is over", "[workspace]") {
  Workspace workspace;
  for (int i = 0; i < 2; ++i) {
    const Workspace::Counting counting(workspace);
    CHECK(workspace.elements<uint8_t>(7, "bytes").ok());
    CHECK(counting.most() == 7);
  }
  CHECK_FALSE(workspace.counting());
  auto given = workspace.floats(3, "floats");
  REQUIRE(given.ok());
  given->data()[2] = 1.0f;
  CHECK(given->data()[2] == 1.0f);
}

TEST_CASE("What this machine cannot address is refused where it is only counted, too", "[workspace]") {
  Workspace workspace;
  const Workspace::Counting counting(workspace);
  constexpr int64_t kHuge = int64_t{1} << 62;
  const auto refused = workspace.floats(kHuge, "floats");
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::kOutOfMemory);
  CHECK_FALSE(workspace.elements<uint32_t>(kHuge, "integers").ok());
  CHECK_FALSE(workspace.tensor({kHuge, kHuge}, "a tensor").ok());
  CHECK(counting.most() == 0);
}

TEST_CASE("Nothing is computed while memory is counted", "[workspace]") {
  const Execution& execution = test::execution();
  int calls = 0;
  {
    const Workspace::Counting counting(execution.workspace());
    execution.parallelFor(3, [&](size_t, size_t) { ++calls; });
    execution.compute([&] { ++calls; });
    const auto map = FeatureMap::allocate(execution.workspace(), {1 << 14, 1 << 14}, 64, "a map");
    CHECK(map.ok() == (sizeof(size_t) > 4));  // 64 GiB
    CHECK((counting.most() >= int64_t{1} << 36) == map.ok());
  }
  CHECK(calls == 0);
  execution.compute([&] { ++calls; });
  CHECK(calls == 1);
}

}  // namespace beit
