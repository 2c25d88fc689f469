#include "src/base/json.h"

#include <cmath>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "src/base/web_page.h"

namespace beit {
namespace {

Json parsed(std::string_view text) {
  auto document = Json::parse(text, "test.json");
  if (!document.ok()) FAIL(document.error().message);
  return std::move(document).value();
}

Error errorOf(std::string_view text) {
  auto document = Json::parse(text, "test.json");
  if (document.ok()) FAIL("accepted: " << text);
  return document.error();
}

}  // namespace

TEST_CASE("JSON values answer only for their own kind", "[json]") {
  const Json json = parsed(R"({"i": -3, "r": 1.5, "s": "x\u00e9\u0000y", "b": true, "n": null, "a": [1], "o": {}})");
  const JsonValue root = json.root();
  REQUIRE(root.isObject());
  CHECK(root.size() == 7);
  CHECK(root.find("i").asInt64() == -3);
  CHECK(root.find("i").asDouble() == -3.0);
  CHECK_FALSE(root.find("i").asBool());
  CHECK(root.find("r").asDouble() == 1.5);
  CHECK_FALSE(root.find("r").asInt64());
  CHECK(root.find("s").asString() == std::string_view("x\xC3\xA9\0y", 5));
  CHECK_FALSE(root.find("s").asDouble());
  CHECK(root.find("b").asBool() == true);
  CHECK_FALSE(root.find("b").asInt64());
  CHECK(root.find("n").isNull());
  CHECK(root.find("n").exists());
  CHECK_FALSE(root.find("absent").exists());
  CHECK(root.find("absent").isNull());
  CHECK_FALSE(root.find("a").find("x").exists());
  CHECK(root.find("o").size() == 0);
  CHECK(root.find("s").size() == 0);
}

TEST_CASE("integers outside int64 are no integers", "[json]") {
  const Json json = parsed("[9223372036854775807, 9223372036854775808, -9223372036854775808, 1e400, 1.0]");
  std::vector<std::optional<int64_t>> numbers;
  for (const JsonValue item : json.root().items()) numbers.push_back(item.asInt64());
  REQUIRE(numbers.size() == 5);
  CHECK(numbers[0] == INT64_MAX);
  CHECK_FALSE(numbers[1]);
  CHECK(numbers[2] == INT64_MIN);
  CHECK_FALSE(numbers[3]);
  CHECK_FALSE(numbers[4]);
}

TEST_CASE("arrays and objects are walked in the order of the text, past nested values", "[json]") {
  const Json json = parsed(R"({"a": [[1, [2]], 3, {"x": [4]}], "b": {"y": {"z": 5}}, "a": 6})");
  std::string keys;
  for (const JsonMember member : json.root().members()) keys += member.key;
  CHECK(keys == "aba");
  CHECK(json.root().find("a").asInt64() == 6);  // the last one, as in Python

  std::vector<JsonKind> kinds;
  for (const JsonMember member : json.root().members()) {
    for (const JsonValue item : member.value.items()) kinds.push_back(item.kind());
  }
  CHECK(kinds == std::vector{JsonKind::kArray, JsonKind::kInteger, JsonKind::kObject});
  for (const JsonValue item : json.root().items()) FAIL("an object has no items: " << item.describe());
  for (const JsonMember member : JsonValue().members()) FAIL(member.key);
}

TEST_CASE("Python's numbers that JSON lacks, a byte order mark and padding are read", "[json]") {
  const Json json = parsed("\xEF\xBB\xBF[NaN, Infinity, -Infinity]  \n  ");
  std::vector<double> numbers;
  for (const JsonValue item : json.root().items()) numbers.push_back(item.asDouble().value());
  REQUIRE(numbers.size() == 3);
  CHECK(std::isnan(numbers[0]));
  CHECK(numbers[1] == INFINITY);
  CHECK(numbers[2] == -INFINITY);
}

TEST_CASE("what is no JSON is an error that names the file and the place", "[json]") {
  const Error error = errorOf(R"({"a": 1, "b": tru})");
  CHECK(error.code == ErrorCode::kMalformed);
  CHECK(error.where == "test.json");
  CHECK(error.message.find("at byte 14") != std::string::npos);

  CHECK(errorOf("<!DOCTYPE html><html>").code == ErrorCode::kHtml);
  CHECK(errorOf("\n\t <html>").code == ErrorCode::kHtml);
  CHECK(errorOf("").code == ErrorCode::kTruncated);
  CHECK(errorOf(" \n ").code == ErrorCode::kTruncated);
  CHECK(errorOf("\xEF\xBB\xBF").code == ErrorCode::kTruncated);
  CHECK(errorOf("{} {}").code == ErrorCode::kMalformed);
  CHECK(errorOf("\"\xFF\"").code == ErrorCode::kMalformed);
  CHECK(errorOf(std::string_view("{}\0", 3)).code == ErrorCode::kMalformed);
}

TEST_CASE("no truncation of a document is accepted", "[json]") {
  const std::string text = R"({"a": [1, -2.5e3, "x\n"], "b": {"c": null}})";
  for (size_t length = 0; length < text.size(); ++length) {
    // A copy of exactly that length, so that a read past it is a read past an allocation.
    const std::vector<char> cut(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(length));
    CHECK_FALSE(Json::parse({cut.data(), cut.size()}, "test.json").ok());
  }
}

TEST_CASE("nesting of a million levels is no danger", "[json]") {
  const size_t depth = 1'000'000;
  const Json json = parsed(std::string(depth, '[') + std::string(depth, ']'));
  CHECK(json.root().size() == 1);
  CHECK(errorOf(std::string(depth, '[')).code == ErrorCode::kTruncated);
}

TEST_CASE("descriptions are short and do not cut characters", "[json]") {
  const Json json = parsed(R"([null, true, 12, 2.5, "a", [1, 2], {}, 18446744073709551615])");
  std::string all;
  for (const JsonValue item : json.root().items()) all += item.describe() + "|";
  CHECK(all == "null|true|12|2.5|\"a\"|an array of 2|an object|18446744073709551615|");

  std::string accents;
  for (int i = 0; i < 60; ++i) accents += "\xC3\xA9";
  const Json longer = parsed("\"x" + accents + "\"");
  const std::string cut = longer.root().describe();
  CHECK(cut.size() < 60);
  CHECK(Json::parse(cut, "again").ok());  // still valid UTF-8
}

}  // namespace beit
