#include "src/codecs/codecs.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "src/codecs/tiff_compression.h"
#include "src/codecs/tiff_fax.h"
#include "tests/support/files.h"
#include "tests/support/jpeg_scans.h"
#include "tests/support/named_tensors.h"

namespace beit {
namespace {

const std::filesystem::path kFiles = std::filesystem::path(BEIT_FIXTURES) / "codecs";

std::vector<uint8_t> bytesOf(const std::string& text) { return {text.begin(), text.end()}; }

Error errorOf(const std::string& file) {
  auto image = codecs::decode(bytesOf(file));
  return image.ok() ? Error{} : std::move(image).error();
}

// A TIFF of one row of grey in one strip.
std::string greyTiff(int width, int bits, int photometric, const std::string& row) {
  std::string tiff("II*\0\x08\0\0\0", 8);
  const std::pair<int, int> entries[] = {{256, width}, {257, 1},           {258, bits},
                                         {259, 1},     {262, photometric}, {273, 8 + 2 + 9 * 12 + 4},
                                         {277, 1},     {278, 1},           {279, static_cast<int>(row.size())}};
  tiff += std::string("\x09\0", 2);
  for (const auto& [tag, value] : entries) {
    tiff += {static_cast<char>(tag),   static_cast<char>(tag >> 8),   3, 0, 1, 0, 0, 0,
             static_cast<char>(value), static_cast<char>(value >> 8), 0, 0};
  }
  return tiff + std::string(4, '\0') + row;
}

}  // namespace

TEST_CASE("codecs: greys of more than 8 bits are cut off at 255, as Pillow's convert does", "[codecs]") {
  const auto redsOf = [](const std::string& file) {
    const auto image = codecs::decode(bytesOf(file));
    if (!image.ok()) FAIL(image.error().message);
    std::vector<int> reds;
    for (size_t i = 0; i < image->data.size(); i += 3) reds.push_back(image->data[i]);
    return reds;
  };
  constexpr int kWhiteIsZero = 0, kBlackIsZero = 1;
  CHECK(redsOf(greyTiff(4, 16, kBlackIsZero, std::string("\0\0\xFE\0\xFF\0\0\1", 8))) == std::vector<int>{0, 254, 255, 255});
  CHECK(redsOf(greyTiff(2, 16, kWhiteIsZero, std::string("\5\0\0\1", 4))) == std::vector<int>{5, 255});  // Pillow inverts 8 bits only
  CHECK(redsOf(greyTiff(3, 12, kBlackIsZero, std::string("\x01\x21\x00\x07\xF0", 5))) == std::vector<int>{18, 255, 127});
  CHECK(errorOf(greyTiff(3, 12, kBlackIsZero, "\x01\x21\x00\x07")).message == "image: this TIFF is cut off.");
  CHECK(errorOf(greyTiff(2, 12, kWhiteIsZero, "123")).code == ErrorCode::kUnsupported);
}

TEST_CASE("codecs: files decode to Pillow's samples", "[codecs]") {
  const auto expected = test::readTensors(kFiles / "decoded.safetensors");
  REQUIRE(expected.ok());
  CHECK(expected->size() >= 43);
  for (const auto& [name, tensor] : *expected) {
    DYNAMIC_SECTION(name) {
      const auto image = codecs::decode(test::readBytes(kFiles / name));
      if (!image.ok()) FAIL(image.error().message);
      CHECK(Shape{image->height, image->width, image->channels} == tensor.shape);
      CHECK(std::equal(image->data.begin(), image->data.end(), tensor.bytes.begin(), tensor.bytes.end()));
    }
  }
}

TEST_CASE("codecs: no truncation of a file is accepted or read beyond", "[codecs]") {
  for (const char* name : {"lossy.webp", "lossless.webp", "exif6.webp", "cmyk-adobe.jpg", "cmyk-progressive-exif6.jpg", "no-end.jpg",
                           "rgb-tiff_lzw.tif", "tiles.tif", "grey-jpeg.tif", "big.tif"}) {
    const std::vector<uint8_t> whole = test::readBytes(kFiles / name);
    // A JPEG may lack its end marker.
    const size_t dispensable = std::string_view(name).ends_with(".jpg") ? 2 : 0;
    const size_t complete = whole.size() - (std::string_view(name) == "no-end.jpg" ? 0 : dispensable);
    for (size_t length = 0; length < complete; ++length) {
      CAPTURE(name, length);
      const std::vector<uint8_t> file(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length));
      const auto image = codecs::decode(file);
      REQUIRE_FALSE(image.ok());
      CHECK((image.error().code == ErrorCode::kBadImage || (length < 12 && image.error().code == ErrorCode::kUnsupported)));
    }
  }
}

TEST_CASE("codecs: damaged files give an image or an error, never more", "[codecs]") {
  std::mt19937 random(12);
  for (const char* name :
       {"lossy.webp", "alpha.webp", "animated.webp", "exif6.webp", "cmyk-adobe.jpg", "ycck-adobe.jpg", "between.jpg", "rgb-raw.tif",
        "rgb-packbits.tif", "rgb-tiff_lzw.tif", "tiles.tif", "planes.tif", "grey-jpeg.tif", "p4.tif", "big.tif"}) {
    const std::vector<uint8_t> whole = test::readBytes(kFiles / name);
    REQUIRE_FALSE(whole.empty());
    for (int round = 0; round < 100; ++round) {
      std::vector<uint8_t> damaged = whole;
      for (int i = 0; i < 3; ++i)
        damaged[16 + random() % (std::min<size_t>(damaged.size(), round % 2 ? 64 : damaged.size()) - 16)] = static_cast<uint8_t>(random());
      const auto image = codecs::decode(damaged);
      if (image.ok()) CHECK(image->view().check("the image").ok());
      else CHECK_FALSE(image.error().message.empty());
    }
  }
}

TEST_CASE("codecs: sizes that no memory has are refused before it is asked for", "[codecs]") {
  std::string webp = test::readText(kFiles / "animated.webp");
  webp.replace(24, 6, std::string("\xFE\xFF\0\xFE\xFF\0", 6));
  CHECK(errorOf(webp).got == "65535 x 65535 pixels");
  std::string jpeg = test::readText(kFiles / "cmyk-adobe.jpg");
  const size_t frame = jpeg.find("\xFF\xC0");
  REQUIRE(frame != std::string::npos);
  jpeg.replace(frame + 5, 4, "\xFF\xDC\xFF\xDC");
  CHECK(errorOf(jpeg).got == "65500 x 65500 pixels");
  jpeg.replace(frame + 5, 4, "\x20\x20\x20\x20");  // of a size that is taken, but not of so few bytes
  CHECK(errorOf(jpeg).message == "image: this JPEG is cut off.");
  std::string tiff = test::readText(kFiles / "rgba.tif");
  const size_t width = tiff.find(std::string("\0\x01\x03\0", 4)), height = tiff.find(std::string("\x01\x01\x03\0", 4));
  REQUIRE((width != std::string::npos && height != std::string::npos));
  tiff.replace(width + 8, 2, "\xFF\xFF");
  tiff.replace(height + 8, 2, "\xFF\xFF");
  CHECK(errorOf(tiff).got == "65535 x 65535 pixels");
}

TEST_CASE("codecs: a JPEG of absurdly many scans is refused", "[codecs]") {
  const std::string jpeg = test::readText(kFiles / "cmyk-progressive-exif6.jpg");
  CHECK(codecs::decode(bytesOf(test::withScans(jpeg, 20))).ok());
  const Error error = errorOf(test::withScans(jpeg, 600));
  CHECK(error.code == ErrorCode::kBadImage);
  CHECK(error.message == "image: got a JPEG of more than 500 scans, expected 500 at most.");
}

TEST_CASE("codecs: what a TIFF has that is not read is named", "[codecs]") {
  const auto edited = [](const char* name, uint8_t tag, const std::string& value) {
    std::string file = test::readText(kFiles / name);
    const size_t entry = file.find(std::string{static_cast<char>(tag), 1, 3, 0});
    REQUIRE(entry != std::string::npos);
    return file.replace(entry + 8, value.size(), value);
  };
  constexpr uint8_t kCompression = 3, kPhotometric = 6;
  CHECK(errorOf(edited("grey.tif", kCompression, "\x04")).message == "image: this TIFF is damaged (a fax of other than black and white).");
  CHECK(errorOf(edited("grey.tif", kCompression, "\x50\xC3")).got == "a TIFF file compressed by Zstandard");
  CHECK(errorOf(edited("grey.tif", kCompression, "\x07")).code == ErrorCode::kBadImage);
  CHECK(errorOf(edited("rgb-raw.tif", kPhotometric, "\x08")).got == "a TIFF file of photometric interpretation 8");
  CHECK(errorOf(edited("rgb-raw.tif", kPhotometric, "\x06")).got == "a TIFF file of the colours YCbCr without JPEG");
  CHECK(errorOf(edited("grey.tif", kPhotometric, "\x02")).code == ErrorCode::kBadImage);
  CHECK(errorOf("MZ").code == ErrorCode::kUnsupported);
}

namespace {

// A grey TIFF by PackBits of strips, or of tiles of that width, of one row each, which all are the same `piece`.
std::string sharedPieces(uint32_t width, uint32_t rows, const std::string& piece, uint32_t tile_width = 0) {
  const auto word = [](uint32_t value) {
    std::string bytes;
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(value >> 8 * i);
    return bytes;
  };
  const auto size = static_cast<uint32_t>(piece.size());
  const uint32_t offsets = 8 + size, counts = offsets + 4 * rows, directory = counts + 4 * rows;
  std::string file = std::string("II*\0", 4) + word(directory) + piece;
  for (uint32_t i = 0; i < rows; ++i) file += word(8);
  for (uint32_t i = 0; i < rows; ++i) file += word(size);
  constexpr uint32_t kPackBits = 32773;
  std::vector<std::array<uint32_t, 3>> entries = {{256, 1, width}, {257, 1, rows}, {258, 1, 8}, {259, 1, kPackBits}, {262, 1, 1}};
  if (tile_width) entries.insert(entries.end(), {{322, 1, tile_width}, {323, 1, 1}, {324, rows, offsets}, {325, rows, counts}});
  else entries.insert(entries.end(), {{273, rows, offsets}, {278, 1, 1}, {279, rows, counts}});
  file += {static_cast<char>(entries.size()), 0};
  for (const auto& [tag, count, value] : entries)
    file += std::string{static_cast<char>(tag), static_cast<char>(tag >> 8), 4, 0} + word(count) + word(value);
  return file + word(0);
}

}  // namespace

TEST_CASE("codecs: strips of a TIFF may share their bytes, but not keep one busy for hours", "[codecs]") {
  for (const uint32_t tile_width : {0, 16}) {
    const auto image = codecs::decode(bytesOf(sharedPieces(8, 500, "\xF1\x2A", tile_width)));
    REQUIRE(image.ok());
    CHECK(std::all_of(image->data.begin(), image->data.end(), [](uint8_t sample) { return sample == 0x2A; }));
  }
  // Bytes that mean nothing, over and over.
  CHECK(errorOf(sharedPieces(8, 500, std::string(5000, '\x80') + "\xF9\x2A")).message ==
        "image: this TIFF is damaged (strips or tiles of more bytes than its samples take).");
  CHECK(errorOf(sharedPieces(8, 5000, "\xF1\x2A", 1 << 18)).message ==
        "image: this TIFF is damaged (tiles that are far larger than the picture).");
}

TEST_CASE("codecs: what a TIFF tells of its bytes counts as far as it does for Pillow", "[codecs]") {
  const auto replaced = [](std::string file, const std::string& from, const std::string& to) {
    const size_t at = file.find(from);
    REQUIRE(at != std::string::npos);
    return file.replace(at, to.size(), to);
  };
  const auto isSame = [](const std::string& a, const std::string& b) {
    const auto first = codecs::decode(bytesOf(a)), second = codecs::decode(bytesOf(b));
    if (!second.ok()) FAIL(second.error().message);
    REQUIRE(first.ok());
    return std::equal(first->data.begin(), first->data.end(), second->data.begin(), second->data.end());
  };
  // An order of bits (in place of PlanarConfiguration), which JPEG does not have.
  const std::string jpeg = test::readText(kFiles / "rgb-jpeg.tif");
  CHECK(isSame(jpeg, replaced(jpeg, {0x1C, 0x01, 0x03, 0, 1, 0, 0, 0, 1}, {0x0A, 0x01, 0x03, 0, 1, 0, 0, 0, 2})));
  // A length of what is not compressed.
  const std::string raw = test::readText(kFiles / "rgb-raw.tif");
  CHECK(isSame(raw, replaced(raw, {0x17, 0x01, 0x04, 0, 1, 0, 0, 0}, {0x17, 0x01, 0x04, 0, 1, 0, 0, 0, 1, 0})));
  // A fourth strip of three planes, which libtiff leaves alone and Pillow, where nothing is compressed, does not.
  const std::string planes = test::readText(kFiles / "planes.tif");
  const std::string more = replaced(planes, {0x11, 0x01, 0x04, 0, 3}, {0x11, 0x01, 0x04, 0, 4});
  CHECK(isSame(planes, more));
  CHECK(errorOf(replaced(more, {0x03, 0x01, 0x03, 0, 1, 0, 0, 0, 8}, {0x03, 0x01, 0x03, 0, 1, 0, 0, 0, 1})).message ==
        "image: this TIFF is damaged (it has more strips or tiles than the picture).");
}

TEST_CASE("codecs: a fax is unpacked", "[codecs]") {
  // What Pillow's libtiff makes of these rows, 1 for white.
  const std::string rows[] = {"#####################################", "#####################################",
                              "#####################################", "##.##...#.###########################",
                              "####################..###............", "####################..###............"};
  const auto fromHex = [](const std::string& hex) {
    std::vector<uint8_t> bytes;
    for (size_t i = 0; i < hex.size(); i += 2) bytes.push_back(static_cast<uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    return bytes;
  };
  using Rows = codecs::FaxCoding::Rows;
  for (const auto& [coding, hex] : {std::pair{Rows::kRuns, "16161674f0e92011c07011c070"},
                                    {Rows::kMarkedRuns, "00116001160011600174f0e9200088e0380088e038"},
                                    {Rows::kMarkedMixed, "0018b000a003160011745e23a800c4701c005e"},
                                    {Rows::kDifferences, "e5d1788ea2224f980fe0020020"}}) {
    CAPTURE(hex);
    const std::vector<uint8_t> packed = fromHex(hex);
    std::vector<uint8_t> out(6 * 5, 0xAA);
    const auto count = codecs::unpackFax(packed, {.rows = coding, .width = 37}, 6, out);
    if (!count.ok()) FAIL(count.error().message);
    CHECK(*count == 6);
    for (size_t y = 0; y < 6; ++y) {
      std::string row;
      for (size_t x = 0; x < 37; ++x) row += out[y * 5 + x / 8] >> (7 - x % 8) & 1 ? '.' : '#';
      CHECK(row == rows[y]);
    }
    // Any of its beginnings, and any damage, ends in fewer rows or an error.
    for (size_t length = 0; length < packed.size(); ++length) {
      const auto fewer = codecs::unpackFax({packed.data(), length}, {.rows = coding, .width = 37}, 6, out);
      if (fewer.ok()) CHECK(*fewer <= 6);
    }
    for (size_t at = 0; at < packed.size(); ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        std::vector<uint8_t> damaged = packed;
        damaged[at] ^= static_cast<uint8_t>(1 << bit);
        const auto some = codecs::unpackFax(damaged, {.rows = coding, .width = 37}, 6, out);
        CHECK((some.ok() ? *some <= 6 : some.error().code == ErrorCode::kBadImage));
      }
    }
  }
}

TEST_CASE("codecs: LZW goes on behind a full table", "[codecs]") {
  // Codes of 9 to 12 bits of plain bytes, without the code that clears the table: no entry is made behind the 4096th.
  std::vector<uint8_t> packed;
  uint32_t buffer = 0, next = 258;
  int available = 0, bits = 9;
  const auto put = [&](uint32_t code) {
    buffer = buffer << bits | code;
    for (available += bits; available >= 8; available -= 8) packed.push_back(static_cast<uint8_t>(buffer >> (available - 8)));
  };
  std::vector<uint8_t> expected(6000);
  for (size_t i = 0; i < expected.size(); ++i) {
    expected[i] = static_cast<uint8_t>(i * 7 + i / 256);
    put(expected[i]);
    if (i > 0 && next < 4096) ++next;
    if (next + 1 == (1u << bits) && bits < 12) ++bits;
  }
  put(257);
  packed.push_back(static_cast<uint8_t>(buffer << (8 - available)));
  std::vector<uint8_t> out(expected.size() + 10);
  REQUIRE(codecs::unpackLzw(packed, out) == expected.size());
  out.resize(expected.size());
  CHECK(out == expected);
}

}  // namespace beit
