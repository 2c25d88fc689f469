// Every kind of checkpoint file: what it holds, and what damage does to it.
#include "weights/reading/containers/container.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <random>

#include "tests/support/files.h"
#include "weights/reading/checkpoint.h"

namespace {

using namespace beit;
namespace fs = std::filesystem;

const fs::path kGolden = fs::path(BEIT_FIXTURES) / "golden";

// Indexes a file as any source would bring it, in pieces. Returns its tensors, or the error.
Result<std::vector<TensorEntry>> index(std::span<const uint8_t> file, size_t piece = 4096) {
  Checkpoint checkpoint;
  BEIT_TRY(checkpoint.addFile("file", static_cast<int64_t>(file.size())));
  while (const auto read = checkpoint.next()) {
    const auto begin = static_cast<size_t>(read->offset), length = static_cast<size_t>(read->length);
    if (begin > file.size() || length > file.size() - begin) return checkpoint.ended().error();
    for (size_t at = 0; at < length; at += piece) BEIT_TRY(checkpoint.supply(file.subspan(begin + at, std::min(piece, length - at))));
  }
  return checkpoint.entries();
}

struct Fixture {
  const char* path;
  size_t tensors;
  const char* name;
};

constexpr Fixture kFixtures[] = {
    {"formats/torch-zip/pytorch_model.bin", 61, "beit.embeddings.cls_token"},
    {"formats/torch-legacy/pytorch_model.bin", 61, "beit.embeddings.cls_token"},
    {"formats/unilm-pth/beit.pth", 55, "patch_embed.proj.weight"},
    {"formats/flax-classify/flax_model.msgpack", 61, "beit.embeddings.patch_embeddings.projection.kernel"},
    {"formats/safetensors-bf16/model.safetensors", 61, "beit.embeddings.cls_token"},
    {"dvae/dvae-tiny/encoder.pkl", 74, "blocks.input.w"},
};

// Whether every tensor lies in the file: what a reader must never promise otherwise.
bool liesInside(const std::vector<TensorEntry>& entries, size_t size) {
  return std::all_of(entries.begin(), entries.end(), [&](const TensorEntry& e) {
    return e.offset >= 0 && e.bytes >= 0 && static_cast<uint64_t>(e.offset) + static_cast<uint64_t>(e.bytes) <= size;
  });
}

std::vector<uint8_t> bytesOf(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace

TEST_CASE("each container gives its tensors, however its bytes come", "[container]") {
  for (const Fixture& fixture : kFixtures) {
    DYNAMIC_SECTION(fixture.path) {
      const auto file = test::readBytes(kGolden / fixture.path);
      REQUIRE_FALSE(file.empty());
      const auto whole = index(file, file.size());
      if (!whole.ok()) FAIL(whole.error().message);
      CHECK(whole->size() == fixture.tensors);
      CHECK(liesInside(*whole, file.size()));
      CHECK(std::any_of(whole->begin(), whole->end(), [&](const auto& e) { return e.name == fixture.name; }));
      for (const size_t piece : {1, 7, 1000}) {
        const auto pieces = index(file, piece);
        REQUIRE(pieces.ok());
        REQUIRE(pieces->size() == whole->size());
        for (size_t i = 0; i < whole->size(); ++i) {
          CHECK((*pieces)[i].name == (*whole)[i].name);
          CHECK((*pieces)[i].offset == (*whole)[i].offset);
        }
      }
    }
  }
}

TEST_CASE("a file that was cut is an error, or all that it names is there", "[container]") {
  for (const Fixture& fixture : kFixtures) {
    DYNAMIC_SECTION(fixture.path) {
      const auto file = test::readBytes(kGolden / fixture.path);
      std::vector<size_t> lengths;
      for (size_t length = 0; length < std::min<size_t>(file.size(), 512); ++length) lengths.push_back(length);
      for (size_t length = 512; length < file.size(); length += 997) lengths.push_back(length);
      for (size_t back = 1; back < std::min<size_t>(file.size(), 512); back += back < 64 ? 1 : 7) lengths.push_back(file.size() - back);
      for (const size_t length : lengths) {
        const auto entries = index(std::span(file).first(length));
        if (entries.ok()) {
          CHECK(liesInside(*entries, length));
        } else {
          CHECK_FALSE(entries.error().message.empty());
        }
      }
    }
  }
}

TEST_CASE("flipped bytes are an error, or leave a table that lies in the file", "[container]") {
  std::mt19937 generator(7);
  for (const Fixture& fixture : kFixtures) {
    DYNAMIC_SECTION(fixture.path) {
      const auto file = test::readBytes(kGolden / fixture.path);
      for (int round = 0; round < 128; ++round) {
        auto damaged = file;
        // Headers are at the beginning or the end: that is where damage matters.
        const size_t window = std::min<size_t>(file.size(), 20000);
        for (int flips = 0; flips < 1 + round % 4; ++flips) {
          const size_t at = generator() % window;
          damaged[round % 2 ? at : file.size() - 1 - at] = static_cast<uint8_t>(generator());
        }
        const auto entries = index(damaged);
        if (entries.ok()) CHECK(liesInside(*entries, damaged.size()));
      }
    }
  }
}

TEST_CASE("a pickle that asks for any other callable is refused with its name", "[container]") {
  // The legacy format's first pickle, with the magic number replaced by a call of os.system.
  const auto hostile = [](std::string_view module, std::string_view name) {
    std::string text("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
    text += std::string("\x80\x02M\xe9\x03.", 6);                        // version 1001
    text += std::string("\x80\x02}X\x0d\0\0\0little_endian\x88s.", 24);  // machine
    text += "\x80\x02";
    text += 'c';
    text += std::string(module) + "\n" + std::string(name) + "\n";
    text += std::string("X\x04\0\0\0true\x85R.", 12);
    text += std::string("\x80\x02].", 4);  // keys
    return text;
  };
  for (const auto& [module, name] : {std::pair{"os", "system"}, std::pair{"builtins", "eval"}, std::pair{"posix", "system"},
                                     std::pair{"subprocess", "Popen"}, std::pair{"builtins", "getattr"}}) {
    const auto refused = index(bytesOf(hostile(module, name)));
    REQUIRE_FALSE(refused.ok());
    CAPTURE(refused.error().message);
    CHECK(refused.error().code == ErrorCode::kUnsupported);
    CHECK(refused.error().message.find(std::string(module) + "." + name) != std::string::npos);
  }
}

TEST_CASE("Flax's elements of a type that is not read have its name", "[container]") {
  const auto file = [](const std::string& type) {  // {"w": an array of shape [2] and two bytes}
    std::string array = "\x93\x91\x02" + std::string(1, static_cast<char>(0xa0 + type.size())) + type + "\xc4\x02zz";
    return bytesOf("\x81\xa1w\xc7" + std::string(1, static_cast<char>(array.size())) + "\x01" + array);
  };
  for (const std::string type : {"float8_e4m3fn", "complex64"}) {
    for (const size_t piece : {1, 1000}) {
      const auto entries = index(file(type), piece);
      if (!entries.ok()) FAIL(entries.error().message);
      REQUIRE(entries->size() == 1);
      CHECK((*entries)[0].type() == type);
      CHECK((*entries)[0].shape == Shape{2});
      CHECK((*entries)[0].bytes == 2);
      CHECK(liesInside(*entries, file(type).size()));
    }
  }
  CHECK_FALSE(index(file("float32")).ok());  // two elements of it take eight bytes
  CHECK_FALSE(index(file("")).ok());
}

TEST_CASE("a torch zip needs a source that knows its size", "[container]") {
  Checkpoint checkpoint;
  REQUIRE(checkpoint.addFile("stream", std::nullopt).ok());
  const auto file = test::readBytes(kGolden / kFixtures[0].path);
  const auto read = checkpoint.next();
  REQUIRE(read);
  const auto status = checkpoint.supply(std::span(file).first(static_cast<size_t>(read->length)));
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().code == ErrorCode::kUnsupported);
}
