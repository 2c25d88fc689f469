#include "weights/reading/containers/safetensors.h"

#include <limits>

#include <catch2/catch_test_macros.hpp>

#include "tests/support/random.h"
#include "tests/support/safetensors_bytes.h"

namespace beit {

namespace {

using test::Bytes;
using test::fileOf;

// Returns "code message" of reading a whole file, or "" when it is read.
std::string refusal(const Bytes& file) {
  const auto entries = indexSafetensors(file, "x");
  return entries.ok() ? "" : std::string(codeName(entries.error().code)) + " " + entries.error().message;
}

std::string refusalOfHeader(const std::string& header, size_t data_bytes) { return refusal(fileOf(header, Bytes(data_bytes))); }

// A header with one tensor of these members.
std::string tensor(const std::string& members) { return "{\"a\":{" + members + "}}"; }

Bytes goodFile() {
  return test::safetensorsFile({test::tensorOf("b", "F32", {2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6}),
                                test::tensorOf("empty", "I8", {0, 5}, std::vector<int8_t>{}),
                                test::tensorOf("scalar", "F64", {}, std::vector<double>{1.0}),
                                test::tensorOf("a", "U8", {3}, std::vector<uint8_t>{7, 8, 9})});
}

}  // namespace

TEST_CASE("An index names types, shapes and places", "[safetensors]") {
  const Bytes file = goodFile();
  const auto entries = indexSafetensors(file, "x");
  REQUIRE(entries.ok());
  REQUIRE(entries->size() == 4);
  const auto find = [&](std::string_view name) {
    for (const auto& entry : *entries)
      if (entry.name == name) return entry;
    FAIL("no " << name);
    return TensorEntry();
  };
  const auto data = static_cast<int64_t>(file.size()) - 24 - 8 - 3;
  CHECK(find("b").dtype == DType::kF32);
  CHECK(find("b").shape == Shape{2, 3});
  CHECK(find("b").offset == data);
  CHECK(find("b").bytes == 24);
  CHECK(find("empty").bytes == 0);
  CHECK(find("scalar").shape.empty());
  CHECK(find("scalar").bytes == 8);
  CHECK(find("a").offset == data + 32);
  CHECK(refusal(fileOf("{}", {})).empty());
  CHECK(refusal(fileOf("{\"__metadata__\":{\"format\":\"pt\"}}  ", {})).empty());
}

TEST_CASE("A header is read in pieces of any size, of a file of any size", "[safetensors]") {
  const Bytes file = goodFile();
  for (const size_t piece : {1u, 2u, 3u, 7u, 4096u}) {
    for (const bool known : {false, true}) {
      SafetensorsIndexer indexer("x", 3, known ? std::optional(static_cast<int64_t>(file.size())) : std::nullopt);
      int64_t position = 0;
      while (const auto range = indexer.next()) {
        REQUIRE(range->offset == position);
        const auto take = std::min(piece, static_cast<size_t>(range->length));
        REQUIRE(indexer.supply(std::span(file).subspan(static_cast<size_t>(position), take)).ok());
        position += static_cast<int64_t>(take);
      }
      REQUIRE(indexer.entries().size() == 4);
      CHECK(position == static_cast<int64_t>(file.size()) - 35);  // nothing behind the header
      for (const auto& entry : indexer.entries()) CHECK(entry.file == 3);
    }
  }
}

TEST_CASE("A file that ends early is truncated, at every length", "[safetensors]") {
  const Bytes file = goodFile();
  for (size_t length = 0; length < file.size(); ++length) {
    const std::string got = refusal(Bytes(file.begin(), file.begin() + static_cast<ptrdiff_t>(length)));
    if (!got.starts_with("truncated x: got " + std::to_string(length) + " bytes")) FAIL_CHECK(length << ": " << got);
  }
  Bytes longer = file;
  longer.push_back(0);
  CHECK(refusal(longer) ==
        "malformed x: got " + std::to_string(longer.size()) + " bytes, expected " + std::to_string(file.size()) + " bytes, by its header.");
}

TEST_CASE("A header's length is bounded", "[safetensors]") {
  const auto withLength = [](uint64_t length) {
    Bytes file(16, ' ');
    for (size_t i = 0; i < 8; ++i) file[i] = static_cast<uint8_t>(length >> (8 * i));
    return refusal(file);
  };
  for (const uint64_t length : {uint64_t{0}, uint64_t{1}, uint64_t{100'000'001}, uint64_t{1} << 32, uint64_t{1} << 63, ~uint64_t{0}})
    CHECK(withLength(length) ==
          "malformed x: got a header of " + std::to_string(length) + " bytes, expected 2 to 100000000 bytes, as a safetensors file has.");
  CHECK(withLength(100'000'000).starts_with("truncated x: got 16 bytes, expected at least 100000008 bytes"));
}

TEST_CASE("A header that is no object of tensors is malformed", "[safetensors]") {
  for (const char* header : {"[]", "  {}", "nonsense", "{]", "{\"a\" 1}", "{} {}", "null  ", "{\"a\":[]}", "{\"a\":null}", "{\"a\":7}"}) {
    CAPTURE(header);
    CHECK(refusalOfHeader(header, 0).starts_with("malformed x"));
  }
  CHECK(refusalOfHeader("{\"a\":", 0).starts_with("truncated x"));
  const std::string one = R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  CHECK(refusalOfHeader("{" + one + "}", 1).empty());
  CHECK(refusalOfHeader("{" + one + "," + one + "}", 1) == "malformed x: the tensor \"a\" stands in the header twice.");
}

TEST_CASE("A type that is not read has a name, and what bytes it likes", "[safetensors]") {
  const std::string rest = R"(,"shape":[1],"data_offsets":[0,4])";
  CHECK(refusalOfHeader(tensor(R"("dtype":"F32")" + rest), 4).empty());
  for (const std::string name : {"F8_E4M3", "f32", "float32", "F4"})
    CHECK(refusalOfHeader(tensor("\"dtype\":\"" + name + "\"" + rest), 4).empty());
  CHECK(refusalOfHeader(tensor("\"dtype\":\"\"" + rest), 4).starts_with("malformed x, tensor a"));
  for (const char* value : {"32", "null", "[]"})
    CHECK(refusalOfHeader(tensor(std::string("\"dtype\":") + value + rest), 4).starts_with("malformed x, tensor a: got dtype"));
  CHECK(refusalOfHeader(tensor(R"("shape":[1],"data_offsets":[0,4])"), 4).starts_with("malformed x, tensor a: got dtype"));
}

TEST_CASE("Sizes that are no sizes are malformed", "[safetensors]") {
  for (const char* shape : {"7",
                            "null",
                            "\"[1]\"",
                            "{}",
                            "[-1]",
                            "[1.5]",
                            "[1.0]",
                            "[1e300]",
                            "[NaN]",
                            "[Infinity]",
                            "[null]",
                            "[\"1\"]",
                            "[[1]]",
                            "[9223372036854775807]",
                            "[9223372036854775808]",
                            "[18446744073709551615]",
                            "[4294967296,4294967296]",
                            "[0,-1]",
                            "[9007199254740993]",
                            "[2]",
                            "[0]",
                            "[1,1,2]"}) {
    CAPTURE(shape);
    CHECK(refusalOfHeader(tensor(R"("dtype":"F32","data_offsets":[0,4],"shape":)" + std::string(shape)), 4)
              .starts_with("malformed x, tensor a"));
  }
  CHECK(refusalOfHeader(tensor(R"("dtype":"F32","data_offsets":[0,4])"), 4).starts_with("malformed x, tensor a: got shape"));
}

TEST_CASE("Places that are no places are malformed", "[safetensors]") {
  for (const char* offsets : {"7",
                              "null",
                              "[]",
                              "[0]",
                              "[0,4,8]",
                              "[4,0]",
                              "[-4,0]",
                              "[0,4.0]",
                              "[0,NaN]",
                              "[NaN,4]",
                              "[0,null]",
                              "[\"0\",\"4\"]",
                              "[0,1e300]",
                              "[0,9223372036854775807]",
                              "[9223372036854775803,9223372036854775807]",
                              "[0,18446744073709551615]",
                              "[4503599627370496,4503599627370500]",
                              "[0,3]",
                              "[0,5]",
                              "[0,8]",
                              "[1,5]"}) {
    CAPTURE(offsets);
    CHECK(refusalOfHeader(tensor(R"("dtype":"F32","shape":[1],"data_offsets":)" + std::string(offsets)), 4)
              .starts_with("malformed x, tensor a"));
  }
  CHECK(refusalOfHeader(tensor(R"("dtype":"F32","shape":[1])"), 4).starts_with("malformed x, tensor a: got data_offsets"));
}

TEST_CASE("Tensors neither overlap nor leave gaps", "[safetensors]") {
  const auto two = [](int first, int second) {
    const auto member = [](const char* name, int begin) {
      return std::string("\"") + name + R"(":{"dtype":"F32","shape":[1],"data_offsets":[)" + std::to_string(begin) + "," +
             std::to_string(begin + 4) + "]}";
    };
    return refusalOfHeader("{" + member("a", first) + "," + member("b", second) + "}", 8);
  };
  CHECK(two(0, 4).empty());
  CHECK(two(4, 0).empty());
  CHECK(two(0, 0).find("neither overlap nor leave gaps") != std::string::npos);
  CHECK(two(0, 2).starts_with("malformed x, tensor b: got an offset of 2, expected 4"));
  CHECK(two(0, 5).starts_with("malformed x, tensor b: got an offset of 5, expected 4"));
  CHECK(two(4, 8).starts_with("malformed x, tensor a: got an offset of 4, expected 0"));
}

TEST_CASE("Bytes that change at random are read or refused, nothing else", "[safetensors]") {
  test::Random random(1);
  const Bytes good = goodFile();
  size_t refused = 0;
  for (int round = 0; round < 4000; ++round) {
    Bytes file = good;
    for (int64_t changes = 1 + random.below(3); changes > 0; --changes)
      file[static_cast<size_t>(random.below(static_cast<int64_t>(file.size())))] = static_cast<uint8_t>(random.below(256));
    const auto entries = indexSafetensors(file, "x");
    if (!entries.ok()) {
      ++refused;
      if (entries.error().message.empty()) FAIL_CHECK("an error without a sentence");
      continue;
    }
    for (const auto& entry : *entries)
      if (entry.offset < 8 || entry.bytes < 0 || entry.offset + entry.bytes > static_cast<int64_t>(file.size()))
        FAIL_CHECK("a tensor outside of its file");
  }
  CHECK(refused > 1000);
}

}  // namespace beit
