#include "src/model/forward.h"

#include <memory>
#include <new>

#include <catch2/catch_test_macros.hpp>

namespace beit {

namespace {

// Runs a step and returns whether it was the last; fails the test case on an error.
bool done(ForwardPass& pass) {
  const auto result = pass.step();
  REQUIRE(result.ok());
  return *result;
}

}  // namespace

TEST_CASE("Steps run once each, in order", "[forward]") {
  ForwardPass pass;
  std::string order;
  for (const char* name : {"a", "b", "c"})
    pass.add([&order, name](ForwardPass&) -> Status {
      order += name;
      return {};
    });
  CHECK(pass.stepsTotal() == 3);
  CHECK(pass.stepsDone() == 0);
  CHECK_FALSE(done(pass));
  CHECK(pass.stepsDone() == 1);
  CHECK_FALSE(done(pass));
  CHECK(done(pass));
  CHECK(pass.stepsDone() == 3);
  CHECK(done(pass));
  CHECK(order == "abc");
}

TEST_CASE("A pass without steps is done", "[forward]") {
  ForwardPass pass;
  CHECK(done(pass));
}

TEST_CASE("A step gives back what it holds as soon as it is done", "[forward]") {
  ForwardPass pass;
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  pass.add([held = std::move(held)](ForwardPass&) -> Status { return {}; });
  pass.add([](ForwardPass&) -> Status { return {}; });
  CHECK_FALSE(watch.expired());
  CHECK_FALSE(done(pass));
  CHECK(watch.expired());
}

TEST_CASE("Outputs come in the order in which they were made", "[forward]") {
  ForwardPass pass;
  for (const char* name : {"first", "second"})
    pass.add([name](ForwardPass& to) -> Status {
      BEIT_ASSIGN(Tensor tensor, Tensor::allocate({2}, name));
      to.output(name, std::move(tensor));
      return {};
    });
  CHECK(pass.outputs().empty());
  CHECK_FALSE(done(pass));
  REQUIRE(pass.outputs().size() == 1);
  CHECK(done(pass));
  REQUIRE(pass.outputs().size() == 2);
  CHECK(pass.outputs()[0].name == "first");
  CHECK(pass.outputs()[1].name == "second");
}

TEST_CASE("A step that fails ends the pass", "[forward]") {
  ForwardPass pass;
  bool after = false;
  pass.add([](ForwardPass&) -> Status { return failure(ErrorCode::kOutOfMemory, "a step", "it found no memory"); });
  pass.add([&](ForwardPass&) -> Status {
    after = true;
    return {};
  });
  const auto failed = pass.step();
  REQUIRE_FALSE(failed.ok());
  CHECK(failed.error().code == ErrorCode::kOutOfMemory);
  CHECK(done(pass));
  CHECK_FALSE(after);
}

TEST_CASE("A step that throws ends the pass", "[forward]") {
  // The binding layer turns this into an error and may step again.
  ForwardPass pass;
  bool after = false;
  pass.add([](ForwardPass&) -> Status { throw std::bad_alloc(); });
  pass.add([&](ForwardPass&) -> Status {
    after = true;
    return {};
  });
  CHECK_THROWS_AS((void)pass.step(), std::bad_alloc);
  CHECK(done(pass));
  CHECK_FALSE(after);
}

TEST_CASE("A pass may be dropped at any step", "[forward]") {
  auto held = std::make_shared<int>(1);
  {
    ForwardPass pass;
    for (int i = 0; i < 3; ++i) pass.add([held](ForwardPass&) -> Status { return {}; });
    CHECK_FALSE(done(pass));
    CHECK(held.use_count() == 3);
  }
  CHECK(held.use_count() == 1);
}

}  // namespace beit
