// The order of a Checkpoint's stages: what is asked for, shards, and calls that come at a wrong time.
#include <array>

#include <catch2/catch_test_macros.hpp>

#include "tests/support/loading.h"

namespace beit {

namespace {

using test::Bytes;
using test::Files;
using test::FileTensor;

// Five parameters of a body, enough for the transformers dialect, and where their values go.
struct Wanted {
  Wanted() {
    for (size_t i = 0; i < kept.size(); ++i) parameters.add(nameOf(i), {2, static_cast<int64_t>(i) + 1}, kept[i]);
  }
  static std::string nameOf(size_t i) {
    return i == 0 ? "beit.embeddings.cls_token" : "beit.encoder.layer." + std::to_string(i) + ".output.dense.weight";
  }
  static std::vector<float> valuesOf(size_t i) {
    std::vector<float> values;
    for (size_t v = 0; v < 2 * (i + 1); ++v) values.push_back(static_cast<float>(100 * i + v));
    return values;
  }
  static FileTensor tensorOf(size_t i) { return test::tensorOf(nameOf(i), "F32", {2, static_cast<int64_t>(i) + 1}, valuesOf(i)); }
  bool filled() const {
    for (size_t i = 0; i < kept.size(); ++i) {
      const auto want = valuesOf(i);
      if (!std::equal(want.begin(), want.end(), kept[i].span().begin(), kept[i].span().end())) return false;
    }
    return parameters.complete().ok();
  }
  std::array<FloatBuffer, 5> kept;
  ParameterList parameters;
};

Files oneFile() {
  std::vector<FileTensor> tensors;
  for (size_t i = 0; i < 5; ++i) tensors.push_back(Wanted::tensorOf(i));
  return {{"x", test::safetensorsFile(tensors)}};
}

// Adds the files and reads the index.
void readIndex(Checkpoint& checkpoint, const Files& files) {
  for (const auto& [name, bytes] : files) REQUIRE(checkpoint.addFile(name, static_cast<int64_t>(bytes.size())).ok());
  REQUIRE(test::feed(checkpoint, files, 4096).ok());
}

ErrorCode codeOf(const Status& status) { return status.ok() ? ErrorCode::kInternal : status.error().code; }

}  // namespace

TEST_CASE("Large dead tensors are not asked for, small ones are read over", "[checkpoint]") {
  for (const size_t elements : {16u, 100'000u}) {
    std::vector<FileTensor> tensors;
    const auto dead =
        test::tensorOf("beit.relative_position_index", "I64", {static_cast<int64_t>(elements)}, std::vector<int64_t>(elements));
    tensors.push_back(dead);
    for (size_t i = 0; i < 5; ++i) {
      tensors.push_back(Wanted::tensorOf(4 - i));
      if (i == 2)
        tensors.push_back(
            test::tensorOf("bn.num_batches_tracked", "I64", {static_cast<int64_t>(elements)}, std::vector<int64_t>(elements)));
    }
    const Files files{{"x", test::safetensorsFile(tensors)}};
    for (const size_t piece : {1u, 7u, 1u << 20}) {
      CAPTURE(elements, piece);
      Wanted target;
      Checkpoint checkpoint;
      readIndex(checkpoint, files);
      const auto report = checkpoint.bind(target.parameters);
      REQUIRE(report.ok());
      CHECK(report->skipped.size() == 2);
      CHECK(report->fill_bytes == 4 * 2 * (1 + 2 + 3 + 4 + 5));
      int64_t asked = 0;
      REQUIRE(test::feed(checkpoint, files, piece, &asked).ok());
      CHECK(target.filled());
      CHECK(asked == report->fill_bytes + (elements == 16 ? 8 * 16 : 0));
    }
  }
}

TEST_CASE("Shards are read one after the other, and a tensor in two of them is told", "[checkpoint]") {
  const Files shards{{"a", test::safetensorsFile({Wanted::tensorOf(3), Wanted::tensorOf(0)})},
                     {"b", test::safetensorsFile({Wanted::tensorOf(4), Wanted::tensorOf(1), Wanted::tensorOf(2)})}};
  for (const size_t piece : {1u, 7u, 4096u}) {
    Wanted target;
    Checkpoint checkpoint;
    CHECK(test::load(checkpoint, target.parameters, shards, piece, true).ok());
    CHECK(target.filled());
    CHECK(checkpoint.entries().size() == 5);
    CHECK(checkpoint.fileName(checkpoint.entries().front().file) == "a");
    CHECK(checkpoint.fileName(checkpoint.entries().back().file) == "b");
  }
  Files twice = shards;
  twice["c"] = test::safetensorsFile({Wanted::tensorOf(1)});
  Wanted target;
  Checkpoint checkpoint;
  const auto report = test::load(checkpoint, target.parameters, twice, 4096, true);
  REQUIRE_FALSE(report.ok());
  CHECK(report.error().code == ErrorCode::kWrongShape);
  CHECK(report.error().message.find(Wanted::nameOf(1) + " stands in the checkpoint twice") != std::string::npos);
}

TEST_CASE("More bytes than are wanted are refused and change nothing", "[checkpoint]") {
  const Files files = oneFile();
  Wanted target;
  Checkpoint checkpoint;
  const auto refuseTooMany = [&] {
    const auto read = checkpoint.next();
    const Bytes bytes(static_cast<size_t>(read ? read->length : 0) + 1);
    const Status status = checkpoint.supply(bytes);
    REQUIRE_FALSE(status.ok());
    CHECK(status.error().code == ErrorCode::kInvalidArgument);
    CHECK(status.error().where == "supply");
  };
  REQUIRE(checkpoint.addFile("x", {}).ok());
  refuseTooMany();
  CHECK(checkpoint.supply({}).ok());
  REQUIRE(test::feed(checkpoint, files, 5).ok());
  refuseTooMany();
  REQUIRE(checkpoint.bind(target.parameters).ok());
  refuseTooMany();
  CHECK(checkpoint.supply({}).ok());
  REQUIRE(test::feed(checkpoint, files, 5).ok());
  refuseTooMany();
  CHECK(target.filled());
}

TEST_CASE("Calls at a wrong time are refused", "[checkpoint]") {
  const Files files = oneFile();
  Wanted target;
  Checkpoint checkpoint;
  CHECK_FALSE(checkpoint.next());
  CHECK(checkpoint.bind(target.parameters).error().code == ErrorCode::kInvalidArgument);  // no file
  REQUIRE(checkpoint.addFile("x", {}).ok());
  CHECK(codeOf(checkpoint.addFile("x", {})) == ErrorCode::kInvalidArgument);
  CHECK(checkpoint.bind(target.parameters).error().code == ErrorCode::kInvalidArgument);  // no index yet
  CHECK(checkpoint.inspect(target.parameters).error().code == ErrorCode::kInvalidArgument);
  REQUIRE(test::feed(checkpoint, files, 4096).ok());
  REQUIRE(checkpoint.bind(target.parameters).ok());
  REQUIRE(test::feed(checkpoint, files, 4096).ok());
  CHECK(target.filled());
  const auto again = checkpoint.bind(target.parameters);
  REQUIRE_FALSE(again.ok());
  CHECK(again.error().code == ErrorCode::kInvalidArgument);
  CHECK(again.error().where == Wanted::nameOf(0));
  CHECK(codeOf(checkpoint.ended()) == ErrorCode::kInvalidArgument);
}

TEST_CASE("A fill that is left half-way may begin anew for other parameters", "[checkpoint]") {
  const Files files = oneFile();
  for (size_t given = 1; given < 120; given += 7) {
    CAPTURE(given);
    Wanted abandoned, target;
    Checkpoint checkpoint;
    readIndex(checkpoint, files);
    REQUIRE(checkpoint.bind(abandoned.parameters).ok());
    const auto read = checkpoint.next();
    REQUIRE(read);
    const auto begin = files.at("x").begin() + read->offset;
    REQUIRE(checkpoint.supply(Bytes(begin, begin + static_cast<ptrdiff_t>(given))).ok());
    REQUIRE(checkpoint.bind(target.parameters).ok());
    REQUIRE(test::feed(checkpoint, files, 4096).ok());
    CHECK(target.filled());
    CHECK_FALSE(abandoned.filled());
  }
}

TEST_CASE("After a failure a checkpoint wants nothing and binds nothing", "[checkpoint]") {
  const Files files = oneFile();
  Wanted target, other;
  Checkpoint checkpoint;
  readIndex(checkpoint, files);
  REQUIRE(checkpoint.bind(target.parameters).ok());
  const Status ended = checkpoint.ended();
  REQUIRE_FALSE(ended.ok());
  CHECK(ended.error().code == ErrorCode::kTruncated);
  CHECK(ended.error().where == "x");
  CHECK_FALSE(checkpoint.next());
  CHECK(codeOf(checkpoint.supply(Bytes{1})) == ErrorCode::kInvalidArgument);
  CHECK(checkpoint.bind(other.parameters).error().code == ErrorCode::kInvalidArgument);
}

TEST_CASE("What a parameter's receiver refuses ends the fill", "[checkpoint]") {
  const Files files = oneFile();
  FloatBuffer kept[3];
  ParameterList parameters;
  parameters.add(Wanted::nameOf(0), {2, 1}, kept[0]);
  parameters.add(Wanted::nameOf(1), {2, 2},
                 [](std::span<float>) -> Status { return failure(ErrorCode::kOutOfMemory, "a layer", "no memory"); });
  parameters.add(Wanted::nameOf(2), {2, 3}, kept[1]);
  Checkpoint checkpoint;
  const auto report = test::load(checkpoint, parameters, files, 3, true);
  REQUIRE_FALSE(report.ok());
  CHECK(report.error().code == ErrorCode::kOutOfMemory);
  CHECK_FALSE(checkpoint.next());
  CHECK_FALSE(kept[0].empty());
  CHECK(kept[1].empty());
}

}  // namespace beit
