#include "weights/reading/shard_index.h"

#include <catch2/catch_test_macros.hpp>

namespace beit {

TEST_CASE("A shard index lists its files once each, by name", "[shard_index]") {
  const auto index = parseShardIndex(R"({"metadata": {"total_size": 1},
      "weight_map": {"b": "model-00002-of-00002.safetensors", "a": "model-00001-of-00002.safetensors",
                     "c": "model-00002-of-00002.safetensors"}})");
  REQUIRE(index.ok());
  CHECK(index->files == std::vector<std::string>{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"});
  REQUIRE(index->weight_map.size() == 3);
  CHECK(index->weight_map[0] == std::pair<std::string, std::string>("b", "model-00002-of-00002.safetensors"));
}

TEST_CASE("A file that is not plainly beside the index is refused", "[shard_index]") {
  for (const char* name : {R"("../weights.bin")", R"("..")", R"(".")", R"("")", R"("/etc/passwd")", R"("a/b.safetensors")",
                           R"("a\\b.safetensors")", R"("C:x")", R"("https://example.org/x")", R"("x?y")", R"("x#y")", R"("%2e%2e%2fx")",
                           R"("a\u0000b")", R"("a\nb")", "7", "null", R"(["x"])"}) {
    CAPTURE(name);
    const auto index = parseShardIndex(R"({"weight_map": {"good": "x.safetensors", "bad": )" + std::string(name) + "}}");
    REQUIRE_FALSE(index.ok());
    CHECK(index.error().code == ErrorCode::kMalformed);
    CHECK(index.error().where == "model.safetensors.index.json, tensor bad");
  }
}

TEST_CASE("What is no shard index is refused", "[shard_index]") {
  const auto codeOf = [](const char* text) {
    const auto index = parseShardIndex(text);
    return index.ok() ? std::string() : std::string(codeName(index.error().code));
  };
  CHECK(codeOf("<!DOCTYPE html><html>") == "html");
  CHECK(codeOf(R"({"weight_map": {"a": "x)") == "truncated");
  CHECK(codeOf("{}") == "malformed");
  CHECK(codeOf("[]") == "malformed");
  CHECK(codeOf(R"({"weight_map": []})") == "malformed");
  CHECK(codeOf(R"({"weight_map": {}})") == "malformed");
  CHECK(codeOf("nonsense") == "malformed");
}

}  // namespace beit
