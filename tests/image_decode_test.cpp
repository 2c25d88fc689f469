#include "src/image/image_decode.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "src/image/image_format.h"
#include "src/image/image_orientation.h"
#include "tests/support/files.h"
#include "tests/support/named_tensors.h"

namespace beit {
namespace {

const std::filesystem::path kImages = std::filesystem::path(BEIT_FIXTURES) / "images";

Error errorOf(std::string_view bytes) {
  // A copy of exactly that length, so that a read past it is a read past an allocation.
  const std::vector<uint8_t> file(bytes.begin(), bytes.end());
  auto image = decodeImage(file);
  if (image.ok()) FAIL("decoded");
  return image.error();
}

std::string bigEndian(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

// A PNG that has only a header, and declares that size.
std::string pngHeader(uint32_t width, uint32_t height) {
  return "\x89PNG\r\n\x1A\n" + bigEndian(13) + "IHDR" + bigEndian(width) + bigEndian(height) + std::string("\x8\x2\0\0\0", 5) + "\0\0\0\0";
}

// A JPEG's start with one Exif segment whose TIFF part is `tiff`.
std::vector<uint8_t> exifJpeg(const std::string& tiff) {
  const size_t length = 2 + 6 + tiff.size();
  std::string bytes = "\xFF\xD8\xFF\xE1";
  bytes += static_cast<char>(length >> 8);
  bytes += static_cast<char>(length);
  bytes += std::string("Exif\0\0", 6) + tiff;
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("files decode to Pillow's samples", "[image_decode]") {
  const auto expected = test::readTensors(kImages / "decoded.safetensors");
  REQUIRE(expected.ok());
  CHECK(expected->size() >= 30);
  for (const auto& [name, tensor] : *expected) {
    DYNAMIC_SECTION(name) {
      const auto image = decodeImage(test::readBytes(kImages / name));
      if (!image.ok()) FAIL(image.error().message);
      CHECK(Shape{image->height, image->width, image->channels} == tensor.shape);
      REQUIRE(image->data.size() == tensor.bytes.size());
      int largest = 0;
      for (size_t i = 0; i < tensor.bytes.size(); ++i) largest = std::max(largest, std::abs(image->data[i] - tensor.bytes[i]));
      // JPEG leaves the inverse transform, the upsampling of colour and their rounding to the
      // decoder: stb's and libjpeg's differ by up to 5 levels on these files.
      CHECK(largest <= (name.ends_with(".jpg") ? 6 : 0));
    }
  }
}

TEST_CASE("no truncation of a file is accepted or read beyond", "[image_decode]") {
  for (const char* name : {"rgb.png", "p.png", "420.jpg", "progressive.jpg", "exif6.jpg", "palette.gif", "interlaced.gif", "p.bmp",
                           "rgb.bmp", "rgb.ppm", "max15.ppm"}) {
    const std::string whole = test::readText(kImages / name);
    REQUIRE(decodeImage(test::readBytes(kImages / name)).ok());
    // What may be missing: a GIF's trailer behind the frame, the last checksum of a PNG, BMP's padding.
    const size_t dispensable = 4;
    for (size_t length = 0; length + dispensable < whole.size(); ++length) {
      CAPTURE(name, length);
      const Error error = errorOf(whole.substr(0, length));
      CHECK(error.code == ErrorCode::kBadImage);
      CHECK_FALSE(error.message.empty());
    }
  }
}

TEST_CASE("damaged files give an image or an error, never more", "[image_decode]") {
  std::mt19937 random(11);
  size_t refused = 0;
  for (const char* name :
       {"rgb.png", "p.png", "420.jpg", "progressive.jpg", "exif6.jpg", "transparent.gif", "interlaced.gif", "p.bmp", "rgb.ppm"}) {
    const std::vector<uint8_t> whole = test::readBytes(kImages / name);
    REQUIRE_FALSE(whole.empty());
    for (int round = 0; round < 100; ++round) {
      std::vector<uint8_t> damaged = whole;
      for (int i = 0; i < 3; ++i)
        damaged[random() % std::min<size_t>(damaged.size(), round % 2 ? 64 : damaged.size())] = static_cast<uint8_t>(random());
      const auto image = decodeImage(damaged);
      if (image.ok()) {
        CHECK(image->view().check("the image").ok());
      } else {
        CHECK_FALSE(image.error().message.empty());
        CHECK(std::all_of(image.error().message.begin(), image.error().message.end(), [](char c) { return c >= ' ' && c <= '~'; }));
        ++refused;
      }
    }
  }
  CHECK(refused > 100);
}

TEST_CASE("files of another kind are named", "[image_decode]") {
  CHECK(errorOf("").code == ErrorCode::kBadImage);
  CHECK(errorOf("").got == "an empty file");
  CHECK(errorOf("<!DOCTYPE html><p>Not found").code == ErrorCode::kHtml);
  CHECK(errorOf("\n <html>").code == ErrorCode::kHtml);
  CHECK(errorOf("PK\x03\x04zip").code == ErrorCode::kBadImage);
  CHECK(errorOf("PK\x03\x04zip").got.find("50 4b 03 04") != std::string::npos);
  const std::pair<std::string, const char*> known[] = {{std::string("RIFF\x10\0\0\0WEBPVP8 ", 16), "WebP"},
                                                       {std::string("\0\0\0\x1c"
                                                                    "ftypavif",
                                                                    12),
                                                        "AVIF"},
                                                       {std::string("\0\0\0\x18"
                                                                    "ftypheic",
                                                                    12),
                                                        "HEIC"},
                                                       {std::string("II*\0\x08", 5), "TIFF"},
                                                       {std::string("MM\0*", 4), "TIFF"},
                                                       {"<?xml version='1.0'?><svg>", "SVG"},
                                                       {"P3\n1 1\n255\n1 2 3", "PNM as text"},
                                                       {"\xFF\x0A", "JPEG XL"},
                                                       {"8BPS", "Photoshop"},
                                                       {std::string("\0\0\1\0", 4), "ICO"}};
  for (const auto& [bytes, name] : known) {
    CAPTURE(name);
    CHECK(errorOf(bytes).code == ErrorCode::kUnsupported);
    CHECK(errorOf(bytes).got == name);
  }
}

TEST_CASE("sizes are checked before memory is asked for", "[image_decode]") {
  for (const auto& [width, height] :
       {std::pair{20000u, 20000u}, {0x7FFFFFFFu, 0x7FFFFFFFu}, {1u, 0x00FFFFFFu}, {0u, 5u}, {5u, 0u}, {0xFFFFFFFFu, 1u}}) {
    CAPTURE(width, height);
    CHECK(errorOf(pngHeader(width, height)).code == ErrorCode::kBadImage);
  }
  // Fuzzing found this one: the decoder's answer to a GIF of 0 x 1 was an empty picture.
  CHECK(errorOf(std::string_view("GIF89a\0\0\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;", 29)).got == "0 x 1 pixels");
  const Error error = errorOf("P6 16385 16385 255\nxxx");
  CHECK(error.code == ErrorCode::kBadImage);
  CHECK(error.got == "16385 x 16385 pixels");
  CHECK(errorOf("P5 2 2 1000\n12345678").code == ErrorCode::kUnsupported);
}

TEST_CASE("EXIF orientation is read in both byte orders and nowhere else", "[image_orientation]") {
  const std::string entry("\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", 12);
  const std::string little = std::string("II*\0\x08\0\0\0\x01\0", 10) + entry;
  const std::string big = std::string("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0", 22);
  CHECK(exifOrientation(exifJpeg(little)) == 6);
  CHECK(exifOrientation(exifJpeg(big)) == 8);
  CHECK(exifOrientation(exifJpeg(std::string("II*\0\xFF\xFF\xFF\xFF", 8))) == 1);             // a directory beyond the end
  CHECK(exifOrientation(exifJpeg(std::string("II*\0\x08\0\0\0\xFF\xFF", 10) + entry)) == 6);  // more entries than there are
  CHECK(exifOrientation(exifJpeg("")) == 1);
  CHECK(exifOrientation({}) == 1);
  std::string wrong = little;
  wrong[18] = 9;  // no orientation
  CHECK(exifOrientation(exifJpeg(wrong)) == 1);

  const std::vector<uint8_t> whole = exifJpeg(little);
  for (size_t length = 0; length < whole.size(); ++length) {
    const std::vector<uint8_t> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    CHECK(exifOrientation(cut) == 1);
  }
}

TEST_CASE("turning an image there and back leaves it as it was", "[image_orientation]") {
  auto image = Image8::allocate({37, 70}, 3, "a test image");
  REQUIRE(image.ok());
  for (size_t i = 0; i < image->data.size(); ++i) image->data[i] = static_cast<uint8_t>(i * 7);
  const std::vector<uint8_t> before(image->data.begin(), image->data.end());
  const int inverse[9] = {0, 1, 2, 3, 4, 5, 8, 7, 6};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    auto there = makeUpright(std::move(*image), orientation);
    REQUIRE(there.ok());
    CHECK(there->width == (orientation >= 5 ? 37 : 70));
    const bool same = std::equal(before.begin(), before.end(), there->data.begin(), there->data.end());
    CHECK(same == (orientation == 1));
    image = makeUpright(std::move(*there), inverse[orientation]);
    REQUIRE(image.ok());
    CHECK(std::equal(before.begin(), before.end(), image->data.begin(), image->data.end()));
  }
}

}  // namespace beit
