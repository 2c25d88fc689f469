#include "src/avif/avif.h"

#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "tests/support/files.h"
#include "tests/support/named_tensors.h"

namespace beit {
namespace {

const std::filesystem::path kFiles = std::filesystem::path(BEIT_FIXTURES) / "avif";

}  // namespace

TEST_CASE("avif: files decode to Pillow's samples", "[avif]") {
  const auto expected = test::readTensors(kFiles / "decoded.safetensors");
  REQUIRE(expected.ok());
  CHECK(expected->size() >= 11);
  for (const auto& [name, tensor] : *expected) {
    DYNAMIC_SECTION(name) {
      const auto image = avif::decode(test::readBytes(kFiles / name));
      if (!image.ok()) FAIL(image.error().message);
      CHECK(Shape{image->height, image->width, image->channels} == tensor.shape);
      CHECK(std::equal(image->data.begin(), image->data.end(), tensor.bytes.begin(), tensor.bytes.end()));
    }
  }
}

TEST_CASE("avif: no truncation of a file is accepted or read beyond", "[avif]") {
  for (const char* name : {"420-odd.avif", "alpha.avif", "exif5.avif", "lossless.avif"}) {
    const std::vector<uint8_t> whole = test::readBytes(kFiles / name);
    REQUIRE(whole.size() > 100);
    size_t shown = 0;
    for (size_t length = 0; length < whole.size(); ++length) {
      CAPTURE(name, length);
      const std::vector<uint8_t> file(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length));
      const auto image = avif::decode(file);
      if (image.ok()) ++shown;
      else CHECK(image.error().code == ErrorCode::kBadImage);
    }
    CHECK(shown == 0);
  }
}

TEST_CASE("avif: damaged files give an image or an error, never more", "[avif]") {
  std::mt19937 random(13);
  size_t refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFiles)) {
    if (entry.path().extension() != ".avif") continue;
    const std::vector<uint8_t> whole = test::readBytes(entry.path());
    for (int round = 0; round < 200; ++round) {
      std::vector<uint8_t> damaged = whole;
      for (int i = 0; i < 3; ++i) damaged[random() % damaged.size()] = static_cast<uint8_t>(random());
      const auto image = avif::decode(damaged);
      if (image.ok()) {
        CHECK(image->view().check("the image").ok());
      } else {
        CHECK_FALSE(image.error().message.empty());
        CHECK(std::all_of(image.error().message.begin(), image.error().message.end(), [](char c) { return c >= ' ' && c <= '~'; }));
        ++refused;
      }
    }
  }
  CHECK(refused > 500);
}

namespace {

std::string bigEndian(uint64_t value, int size) {
  std::string bytes;
  for (int i = size; i-- > 0;) bytes += static_cast<char>(value >> 8 * i);
  return bytes;
}
std::string box(const std::string& type, const std::string& body) { return bigEndian(8 + body.size(), 4) + type + body; }
std::string fullBox(const std::string& type, int version, const std::string& body, int flags = 0) {
  return box(type, bigEndian(static_cast<uint64_t>(version) << 24 | static_cast<uint64_t>(flags), 4) + body);
}

// The AV1 data of a file of the fixtures: what Pillow puts behind the boxes.
std::string av1Of(const char* name) {
  const std::string file = test::readText(kFiles / name);
  const size_t at = file.find("mdat");
  REQUIRE(at != std::string::npos);
  return file.substr(at + 4);
}

struct Built {
  std::string cells = "\1\1";  // rows and columns, each less one
  int width = 16, height = 12;
  std::string references = {};  // behind those of the grid
  std::string properties = {};  // behind the size
  int associations = 1;
};

// Four times the same picture of 8 x 6 pixels as a grid.
std::string gridFile(const Built& built) {
  const std::string cell = av1Of("420-even.avif");
  const std::string grid = std::string("\0\0", 2) + built.cells + bigEndian(static_cast<uint64_t>(built.width), 2) +
                           bigEndian(static_cast<uint64_t>(built.height), 2);
  std::string infos = bigEndian(5, 2), ids, associations = bigEndian(1, 4) + bigEndian(1, 2) + static_cast<char>(built.associations);
  for (int i = 1; i <= built.associations; ++i) associations += static_cast<char>(i);
  infos += fullBox("infe", 2, bigEndian(1, 2) + bigEndian(0, 2) + "grid" + '\0');
  for (uint64_t id = 2; id <= 5; ++id) {
    infos += fullBox("infe", 2, bigEndian(id, 2) + bigEndian(0, 2) + "av01" + '\0');
    ids += bigEndian(id, 2);
  }
  const auto meta = [&](uint64_t data_at) {
    std::string places = std::string("\x44\0", 2) + bigEndian(5, 2) + bigEndian(1, 2) + bigEndian(1, 2) + bigEndian(0, 2) +
                         bigEndian(1, 2) + bigEndian(0, 4) + bigEndian(grid.size(), 4);
    for (uint64_t id = 2; id <= 5; ++id) {
      places += bigEndian(id, 2) + bigEndian(0, 2) + bigEndian(0, 2) + bigEndian(1, 2) + bigEndian(data_at, 4) + bigEndian(cell.size(), 4);
    }
    return fullBox("meta", 0,
                   fullBox("pitm", 0, bigEndian(1, 2)) + fullBox("iinf", 0, infos) + fullBox("iloc", 1, places) +
                       fullBox("iref", 0, box("dimg", bigEndian(1, 2) + bigEndian(4, 2) + ids) + built.references) +
                       box("iprp", box("ipco", fullBox("ispe", 0, bigEndian(16, 4) + bigEndian(12, 4)) + built.properties) +
                                       fullBox("ipma", 0, associations)) +
                       box("idat", grid));
  };
  const std::string type = box("ftyp", "avif" + bigEndian(0, 4));
  const uint64_t data_at = type.size() + meta(0).size() + 8;
  return type + meta(data_at) + box("mdat", cell);
}

Result<Image8> decodeText(const std::string& file) {
  const std::vector<uint8_t> bytes(file.begin(), file.end());
  return avif::decode(bytes);
}

}  // namespace

TEST_CASE("avif: a grid is put together", "[avif]") {
  const auto image = decodeText(gridFile({}));
  if (!image.ok()) FAIL(image.error().message);
  CHECK(image->size() == Size{12, 16});
  const auto cell = avif::decode(test::readBytes(kFiles / "420-even.avif"));
  REQUIRE(cell.ok());
  // Chroma is interpolated over the edges of cells: but for those, each is the picture itself.
  for (const auto& [top, left] : {std::pair{0, 0}, {0, 8}, {6, 0}, {6, 8}}) {
    for (int64_t y = 1; y < 5; ++y) {
      CAPTURE(top, left, y);
      CHECK(std::equal(cell->data.data() + (y * 8 + 1) * 3, cell->data.data() + (y * 8 + 7) * 3,
                       image->data.data() + ((top + y) * 16 + left + 1) * 3));
    }
  }
  // What the last cells have beyond the picture is cut off.
  const auto cut = decodeText(gridFile({.width = 13, .height = 9}));
  if (!cut.ok()) FAIL(cut.error().message);
  CHECK(cut->size() == Size{9, 13});
}

TEST_CASE("avif: what the boxes say is done", "[avif]") {
  const auto upright = decodeText(gridFile({}));
  REQUIRE(upright.ok());
  const auto turned = decodeText(gridFile({.properties = box("irot", "\1") + box("imir", std::string(1, '\0')), .associations = 3}));
  if (!turned.ok()) FAIL(turned.error().message);
  CHECK(turned->size() == Size{16, 12});
  for (int64_t y = 0; y < 16; ++y) {
    for (int64_t x = 0; x < 12; ++x) CHECK(turned->data[(y * 12 + x) * 3] == upright->data[(x * 16 + y) * 3]);  // transposed
  }
  const auto nclx = [](int matrix, int full) {
    return box("colr",
               "nclx" + bigEndian(1, 2) + bigEndian(13, 2) + bigEndian(static_cast<uint64_t>(matrix), 2) + static_cast<char>(full << 7));
  };
  const auto redOf = [&](int matrix, int full) {
    const auto image = decodeText(gridFile({.properties = nclx(matrix, full), .associations = 2}));
    return image.ok() ? image->data[3 * 17] : -1;
  };
  CHECK(redOf(6, 1) == upright->data[3 * 17]);
  CHECK(redOf(1, 1) != redOf(6, 1));
  CHECK(redOf(6, 0) != redOf(6, 1));
  CHECK(redOf(200, 1) == -1);
}

TEST_CASE("avif: what cannot be is refused in a sentence", "[avif]") {
  const auto messageOf = [](const std::string& file) {
    const auto image = decodeText(file);
    return image.ok() ? std::string("decoded") : image.error().message;
  };
  CHECK(messageOf(gridFile({.cells = "\1\2"})) == "image: this AVIF is damaged (a grid of 6 cells with 4).");
  CHECK(messageOf(gridFile({.width = 17})) == "image: this AVIF is damaged (a grid that its cells do not fill).");
  CHECK(messageOf(gridFile({.width = 8})) == "image: this AVIF is damaged (a grid that its cells do not fill).");
  CHECK(messageOf(gridFile({.associations = 2})) == "image: this AVIF is damaged (a property that is not there).");
  const std::string prem = box("prem", bigEndian(1, 2) + bigEndian(1, 2) + bigEndian(2, 2));
  CHECK(messageOf(gridFile({.references = prem})).starts_with("image: got an AVIF whose colours are multiplied by its opacity"));
  std::string hevc = gridFile({});
  hevc.replace(hevc.find("av01"), 4, "hvc1");
  CHECK(messageOf(hevc) == "image: got a HEIF file whose picture is hvc1, expected AVIF, whose picture is av01.");
  const std::string type = box("ftyp", "avis" + bigEndian(0, 4));
  CHECK(messageOf(type + box("moov", "")).starts_with("image: got an AVIF sequence without a still picture"));
  CHECK(messageOf(type) == "image: this AVIF is damaged (no picture).");
  // Sizes that the file cannot have: of a box, and of a picture.
  CHECK(messageOf(type + bigEndian(1, 4) + "meta" + bigEndian(UINT64_MAX, 8)) == "image: this AVIF is cut off.");
  std::string large = gridFile({});
  large.replace(large.find("\1\1" + bigEndian(16, 2)) + 2, 4, "\xFF\xFF\xFF\xFF");
  CHECK(messageOf(large).starts_with("image: got 65535 x 65535 pixels"));
}

}  // namespace beit
