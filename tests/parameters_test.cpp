#include "src/parameters/parameters.h"

#include <vector>

#include <catch2/catch_test_macros.hpp>

namespace beit {

TEST_CASE("A list finds its parameters by name and counts their bytes", "[parameters]") {
  ParameterList parameters;
  FloatBuffer a, b;
  parameters.add("a", {2, 3}, a);
  parameters.add("b", {5}, b);
  REQUIRE(parameters.all().size() == 2);
  REQUIRE(parameters.find("b"));
  CHECK(parameters.find("b")->shape == Shape{5});
  CHECK(parameters.find("c") == nullptr);
  CHECK(parameters.find("") == nullptr);
  CHECK(parameters.bytes() == 44);
  CHECK(parameters.largestBytes() == 24);
}

TEST_CASE("Values that are kept are a copy", "[parameters]") {
  ParameterList parameters;
  FloatBuffer kept;
  parameters.add("a", {3}, kept);
  std::vector<float> values{1.0f, 2.0f, 3.0f};
  REQUIRE(parameters.deliver(0, values).ok());
  values[1] = 9.0f;
  REQUIRE(kept.size() == 3);
  CHECK(kept.data()[1] == 2.0f);
}

TEST_CASE("What has not arrived is named, and so is what its receiver refused", "[parameters]") {
  ParameterList parameters;
  FloatBuffer kept;
  bool refuse = true;
  parameters.add("a", {1}, kept);
  parameters.add("b", {1}, [&](std::span<float>) -> Status {
    if (refuse) return failure(ErrorCode::kOutOfMemory, "b", "no memory");
    return {};
  });
  std::vector<float> value{1.0f};
  CHECK(parameters.complete().error().message == "The model's weights: got 0 tensors without a and b, expected all 2 tensors.");
  REQUIRE(parameters.deliver(0, value).ok());
  CHECK(parameters.deliver(1, value).error().code == ErrorCode::kOutOfMemory);
  CHECK(parameters.all()[0].received);
  CHECK_FALSE(parameters.all()[1].received);
  const Status incomplete = parameters.complete();
  REQUIRE_FALSE(incomplete.ok());
  CHECK(incomplete.error().code == ErrorCode::kMissingTensor);
  CHECK(incomplete.error().got == "1 tensors without b");
  refuse = false;
  REQUIRE(parameters.deliver(1, value).ok());
  CHECK(parameters.complete().ok());
}

TEST_CASE("Values that are given need not arrive", "[parameters]") {
  ParameterList parameters;
  FloatBuffer head;
  parameters.add("head", {2, 2}, head);
  std::vector<float> values{1.0f, 2.0f, 3.0f, 4.0f};
  CHECK(parameters.give("tail", {2, 2}, values).error().code == ErrorCode::kNotFound);
  const Status wrong = parameters.give("head", {4}, values);
  CHECK(wrong.error().code == ErrorCode::kWrongShape);
  CHECK(wrong.error().message == "head: got [4], expected [2, 2].");
  CHECK_FALSE(parameters.complete().ok());
  REQUIRE(parameters.give("head", {2, 2}, values).ok());
  CHECK(parameters.complete().ok());
  CHECK(parameters.find("head")->given);
  CHECK(head.data()[3] == 4.0f);
}

TEST_CASE("A list that expects nothing is complete", "[parameters]") {
  const ParameterList parameters;
  CHECK(parameters.complete().ok());
  CHECK(parameters.bytes() == 0);
  CHECK(parameters.largestBytes() == 0);
}

TEST_CASE("listNames names a few and counts the rest", "[parameters]") {
  CHECK(listNames({}) == "");
  CHECK(listNames({"a"}) == "a");
  CHECK(listNames({"a", "b"}) == "a and b");
  CHECK(listNames({"a", "b", "c"}) == "a, b and c");
  CHECK(listNames({"a", "b", "c"}, 3) == "a, b and c");
  CHECK(listNames({"a", "b", "c"}, 2) == "a, b and 1 more");
  CHECK(listNames({"a", "b", "c"}, 1) == "a and 2 more");
}

}  // namespace beit
