#include "src/image/image_decode.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "src/image/image_format.h"
#include "src/image/image_orientation.h"
#include "src/image/jpeg_segments.h"
#include "tests/support/files.h"
#include "tests/support/jpeg_scans.h"
#include "tests/support/named_tensors.h"

namespace beit {
namespace {

using std::literals::operator""s;

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

std::vector<int> samplesOf(std::string_view bytes) {
  const std::vector<uint8_t> file(bytes.begin(), bytes.end());
  const auto image = decodeImage(file);
  if (!image.ok()) FAIL(image.error().message);
  return {image->data.begin(), image->data.end()};
}

std::vector<int> redsOf(std::string_view bytes) {
  const std::vector<int> samples = samplesOf(bytes);
  std::vector<int> reds;
  for (size_t i = 0; i < samples.size(); i += 3) reds.push_back(samples[i]);
  return reds;
}

std::string pngChunk(const std::string& type, const std::string& data) {
  uint32_t crc = 0xFFFFFFFF;
  for (const char c : type + data) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
  }
  return bigEndian(static_cast<uint32_t>(data.size())) + type + data + bigEndian(~crc);
}

// What zlib makes of bytes where it does not compress: at most 65535. Nobody compares its checksum.
std::string stored(const std::string& data) {
  const auto size = static_cast<uint16_t>(data.size());
  const char head[] = {
      0x78, 1, 1, static_cast<char>(size), static_cast<char>(size >> 8), static_cast<char>(~size), static_cast<char>(~size >> 8)};
  return std::string(head, sizeof head) + data + bigEndian(0);
}

// A PNG of one row of grey, with other chunks before and behind its pixels.
std::string greyPng(int bits, uint32_t width, const std::string& row, const std::string& before = "", const std::string& behind = "") {
  return "\x89PNG\r\n\x1A\n" + pngChunk("IHDR", bigEndian(width) + bigEndian(1) + static_cast<char>(bits) + std::string(4, '\0')) + before +
         pngChunk("IDAT", stored(std::string(1, '\0') + row)) + behind + pngChunk("IEND", "");
}

}  // namespace

TEST_CASE("files decode to Pillow's samples", "[image_decode]") {
  const auto expected = test::readTensors(kImages / "decoded.safetensors");
  REQUIRE(expected.ok());
  CHECK(expected->size() >= 80);
  for (const auto& [name, tensor] : *expected) {
    if (name == "cmyk.jpg") continue;  // below
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
  for (const char* name : {"rgb.png",   "p.png",   "420.jpg",   "progressive.jpg", "exif6.jpg", "palette.gif", "interlaced.gif", "p.bmp",
                           "rgb.bmp",   "rgb.ppm", "max15.ppm", "partial_2_3.gif", "local.gif", "rle4.bmp",    "rle8.bmp",       "565.bmp",
                           "32_v5.bmp", "os2.bmp", "text.pbm",  "text.ppm",        "bits.pbm",  "max1023.ppm", "big.pfm"}) {
    const std::string whole = test::readText(kImages / name);
    REQUIRE(decodeImage(test::readBytes(kImages / name)).ok());
    // What may be missing: a GIF's trailer behind the frame, BMP's padding; a PNG's end and the checksum of its pixels.
    const size_t dispensable = std::string_view(name).ends_with(".png") ? 16 : 4;
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
       {"rgb.png", "p.png", "420.jpg", "progressive.jpg", "exif6.jpg", "transparent.gif", "interlaced.gif", "p.bmp", "rgb.ppm",
        "partial_2_3.gif", "local.gif", "runs.gif", "rle4.bmp", "rle8.bmp", "565_v3.bmp", "text.ppm", "max1023.ppm", "big.pfm"}) {
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

TEST_CASE("a JPEG of four colours is left to codecs", "[image_decode]") {
  const auto image = decodeImage(test::readBytes(kImages / "cmyk.jpg"));
  REQUIRE_FALSE(image.ok());
  CHECK(image.error().code == ErrorCode::kUnsupported);
  CHECK(image.error().got == "JPEG of four colours (CMYK)");
}

TEST_CASE("a JPEG of fewer bytes than its pixels take is refused before it is decoded", "[image_decode]") {
  std::string file = test::readText(kImages / "444.jpg");
  const size_t frame = file.find("\xFF\xC0");
  REQUIRE(frame != std::string::npos);
  file.replace(frame + 5, 4, "\x3F\xFF\x3F\xFF");
  CHECK(errorOf(file).message == "image: this JPEG is cut off.");
  CHECK(errorOf(file).code == ErrorCode::kBadImage);
  // Bytes between segments do not hide its size.
  file.insert(frame, "\x12\x34");
  CHECK(errorOf(file).message == "image: this JPEG is cut off.");
}

TEST_CASE("a JPEG in colour of four columns or fewer is left to codecs", "[image_decode]") {
  std::vector<uint8_t> file = test::readBytes(kImages / "444.jpg");
  JpegSegments segments(file);
  std::optional<JpegSegment> segment;
  do segment = segments.next();
  while (segment && !segment->isFrame());
  REQUIRE(segment);
  const size_t width = static_cast<size_t>(segment->body.data() - file.data()) + 3;
  for (const auto& [columns, is_odd] : {std::pair{4, true}, {5, false}}) {
    file[width] = 0;
    file[width + 1] = static_cast<uint8_t>(columns);
    const auto image = decodeImage(file);
    CHECK((!image.ok() && image.error().code == ErrorCode::kUnsupported) == is_odd);
  }
}

TEST_CASE("a JPEG of which the decoder would show a part is refused", "[image_decode]") {
  // Bytes before a restart marker, at which it stops without an error.
  const auto image = decodeImage(test::readBytes(std::filesystem::path(BEIT_FIXTURES) / "codecs" / "padded-restart.jpg"));
  REQUIRE_FALSE(image.ok());
  CHECK(image.error().message == "image: this JPEG cannot be decoded (the decoder stopped before its end).");
}

TEST_CASE("a JPEG with a scan that has a colour twice is refused, not shown with what memory held", "[image_decode]") {
  std::string file = test::readText(kImages / "444.jpg");
  const size_t scan = file.find("\xFF\xDA");
  REQUIRE(scan != std::string::npos);
  REQUIRE(file[scan + 4] == 3);
  file[scan + 7] = file[scan + 5];
  CHECK(errorOf(file).message == "image: this JPEG cannot be decoded (a scan that has a colour twice).");
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
                                                       {std::string("II+\0", 4), "TIFF"},
                                                       {"<?xml version='1.0'?><svg>", "SVG"},
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
  // A GIF is as large as its frame at least.
  CHECK(errorOf(std::string_view("GIF89a\0\0\1\0\0\0\0,\0\0\0\0\0\0\1\0\0\2\2D\1\0;", 29)).got == "0 x 1 pixels");
  const Error error = errorOf("P6 16385 16385 255\nxxx");
  CHECK(error.code == ErrorCode::kBadImage);
  CHECK(error.got == "16385 x 16385 pixels");
  // What the bytes cannot fill, in each format of our own readers.
  for (const std::string& file : std::vector<std::string>{
           "P5 16384 16384 255\nxxx", "P1 9999 9999 1 0", "P3 9999 9999 255 1 2 3", "Pf 9999 9999 1\nxxxx",
           std::string("GIF89a\1\0\1\0\0\0\0,\0\0\0\0\xFF\x3F\xFF\x3F\0\2\2D\1\0;", 29),
           "BM" + std::string(8, '\0') + std::string("\x36\0\0\0\x28\0\0\0\0\x10\0\0\0\x10\0\0\1\0\x18\0", 20) + std::string(24, '\0')}) {
    CAPTURE(file);
    const Error cut = errorOf(file);
    CHECK(cut.code == ErrorCode::kBadImage);
    CHECK(cut.message.find("cut off") != std::string::npos);
  }
}

TEST_CASE("greys of more than 8 bits are cut off at 255, as Pillow's convert does", "[image_decode]") {
  CHECK(redsOf("P5 4 1 65535\n"s + "\0\0\0\xFE\1\0\xFF\xFF"s) == std::vector<int>{0, 254, 255, 255});
  CHECK(redsOf("P5 3 1 1000\n"s + "\0\0\0\1\3\xE8"s) == std::vector<int>{0, 66, 255});  // of 65535
  CHECK(redsOf("P2 3 1 1000 0 1 501") == std::vector<int>{0, 66, 255});
  CHECK(redsOf(greyPng(16, 4, "\0\0\0\x80\0\xFF\1\0"s)) == std::vector<int>{0, 128, 255, 255});
  CHECK(redsOf(greyPng(8, 2, "\x7F\xFF"s)) == std::vector<int>{127, 255});
}

TEST_CASE("a PAM has what its header says", "[image_decode]") {
  const std::string size = "P7\n# a comment\nWIDTH 2\nHEIGHT 1\n";
  CHECK(samplesOf(size + "DEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n\1\2\3\4\5\6") == std::vector<int>{1, 2, 3, 4, 5, 6});
  CHECK(samplesOf(size + "DEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n\1\2\3\7\4\5\6\7") == std::vector<int>{1, 2, 3, 4, 5, 6});
  CHECK(redsOf(size + "DEPTH 1\nMAXVAL 1\nTUPLTYPE BLACKANDWHITE\nENDHDR\n" + "\0\1"s) == std::vector<int>{0, 255});
  CHECK(redsOf(size + "DEPTH 2\nMAXVAL 15\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\n" + "\3\0\xF\0"s) == std::vector<int>{51, 255});
  CHECK(redsOf(size + "MAXVAL 1000\nDEPTH 1\n\nENDHDR\n" + "\1\xF5\3\xE8"s) == std::vector<int>{128, 255});
  CHECK(errorOf("P7\nWIDTH 1").message.find("cut off") != std::string::npos);
  CHECK(errorOf(size + "DEPTH 3\nMAXVAL 255\nENDHDR\n12345").message.find("cut off") != std::string::npos);
  CHECK(errorOf(size + "DEPTH 0\nMAXVAL 255\nENDHDR\n").message.find("0 samples a pixel") != std::string::npos);
  CHECK(errorOf(size + "DEPTH 3\nENDHDR\n").message.find("samples up to 0") != std::string::npos);
  CHECK(errorOf(size + "DEPTH three\nENDHDR\n").message.find("a DEPTH that is no number") != std::string::npos);
  CHECK(errorOf("P7\n" + std::string(300, '#') + "\n").message.find("255 characters") != std::string::npos);
}

TEST_CASE("a DIB is a BMP without its first header", "[image_decode]") {
  for (const char* name : {"p.bmp", "rgb.bmp", "32_v5.bmp", "rle8.bmp", "os2.bmp"}) {
    CAPTURE(name);
    const std::string bmp = test::readText(kImages / name);
    CHECK(samplesOf(bmp.substr(14)) == samplesOf(bmp));
  }
  CHECK(errorOf(std::string("\x28\0\0\0", 4) + std::string(40, '\2')).got.starts_with("a file that begins with"));  // 514 planes
}

TEST_CASE("what Pillow refuses of a format that it reads is refused", "[image_decode]") {
  const std::string rle8 = test::readText(kImages / "rle8.bmp"), gap = test::readText(kImages / "gap.bmp");
  const auto with = [](std::string file, size_t at, char byte) {
    file[at] = byte;
    return file;
  };
  const std::pair<std::string, const char*> refused[] = {
      {"P5 2 2 70000\n12345678", "samples up to 70000"},
      {"P2 1 1 9 10", "a sample of 10, more than 9"},
      {"P1 2 1 0 2", "neither 0 nor 1"},
      {"P2 1 1 9 -1", "another sign than digits"},
      {"P2 1 1 9 00000000001", "more than 10 digits"},
      {"Pf 1 1 0\n1234", "a scale that is no number"},
      {"P6x 1 1 255\n123", "a kind that is not in use"},
      {with(gap, 14, 41), "a header of 41 bytes"},
      {with(gap, 28, 2), "2 bits a pixel"},
      {with(gap, 30, 4), "compression 4"},
      {with(gap, 30, 3), "masks of bits that are not in use"},
      {with(rle8, 28, 24), "run lengths"},
      {with(gap, 34 + 14, 1), "a palette of"},
      {std::string("GIF89a\1\0\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\x0D\2D\1\0;", 29), "more than 12 bits"},
      {std::string("GIF89a\1\0\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2\x07\1\0;", 29), "before it is defined"},
      {std::string("GIF89a\1\0\1\0\0\0\0;", 14), "no picture"}};
  for (const auto& [file, words] : refused) {
    CAPTURE(words);
    const Error error = errorOf(file);
    CHECK(error.code == ErrorCode::kBadImage);
    CHECK(error.message.find(words) != std::string::npos);
  }
}

TEST_CASE("a PNG with more text than Pillow reads is refused", "[image_decode]") {
  const auto text = [](size_t size) {
    // Blocks of zeros, each stored as a byte that repeats: literal 0, then lengths of 258, by the fixed codes of Deflate.
    std::string bits;
    const auto put = [&](uint32_t code, int count) {  // Huffman codes begin with their highest bit
      while (count-- > 0) bits += code >> count & 1 ? '1' : '0';
    };
    bits += "110";  // the last block, by the fixed codes
    put(0x30, 8);   // the literal 0
    for (size_t done = 1; done < size; done += 258) {
      put(0xC5, 8);  // the length 258
      put(0, 5);     // the distance 1
    }
    put(0, 7);  // the end
    std::string deflated = "\x78\1";
    for (size_t i = 0; i < bits.size(); i += 8) {
      int byte = 0;
      for (size_t j = 0; j < 8 && i + j < bits.size(); ++j) byte |= (bits[i + j] == '1') << j;
      deflated += static_cast<char>(byte);
    }
    return deflated + bigEndian(0);
  };
  const std::string key("key\0\0", 5);
  const std::string most = pngChunk("zTXt", key + text((1 << 20) - 300)), more = pngChunk("zTXt", key + text((1 << 20) + 300));
  const std::string picture("\x7F");
  CHECK(samplesOf(greyPng(8, 1, picture, most, most)).size() == 3);
  for (const std::string& file : {greyPng(8, 1, picture, more), greyPng(8, 1, picture, "", more)}) {
    CHECK(errorOf(file).message.find("a text of more than 1 MB") != std::string::npos);
  }
  const std::string plain = pngChunk("tEXt", key + std::string(40 << 20, 'x'));
  CHECK(errorOf(greyPng(8, 1, picture, plain, plain)).message.find("more than 64 MB of text") != std::string::npos);
  // Text that is damaged is none.
  CHECK(samplesOf(greyPng(8, 1, picture, pngChunk("zTXt", key + "no zlib"))).size() == 3);
  // But not without an end: of these each could have been 1 MB.
  std::string many, few;
  for (int i = 0; i < 80; ++i) {
    many += pngChunk("zTXt", key + "no zlib" + std::string(2000, 'x'));
    few += pngChunk("zTXt", key + "no zlib");
  }
  CHECK(errorOf(greyPng(8, 1, picture, many)).message.find("more than 64 MB of text") != std::string::npos);
  CHECK(samplesOf(greyPng(8, 1, picture, few)).size() == 3);
}

TEST_CASE("a PNG that cannot fill its size asks for no memory", "[image_decode]") {
  const std::string picture("\x7F");
  CHECK(errorOf(greyPng(8, 1 << 20, picture)).message == "image: this PNG is cut off.");
  CHECK(errorOf(greyPng(8, 2, picture)).message != "image: this PNG is cut off.");  // which the decoder finds out
}

TEST_CASE("colours of a JPEG that are called R, G and B are those where no marker says otherwise", "[image_decode]") {
  const std::string jpeg = test::readText(kImages / "444.jpg");
  std::string named = jpeg;
  const size_t frame = jpeg.find("\xFF\xC0"), scan = jpeg.find("\xFF\xDA");
  REQUIRE((frame != std::string::npos && scan != std::string::npos));
  for (size_t c = 0; c < 3; ++c) named[frame + 10 + 3 * c] = named[scan + 5 + 2 * c] = "RGB"[c];
  const std::vector<int> samples = samplesOf(jpeg);
  CHECK(samplesOf(named) == samples);                                     // JFIF's
  const std::string start = "\xFF\xD8", bare = start + named.substr(20);  // without JFIF
  REQUIRE(named.substr(2, 4) == "\xFF\xE0\0\x10"s);
  const auto adobe = [](char transform) {
    return "\xFF\xEE\0\x0E"
           "Adobe\0\x64\0\0\0\0"s +
           transform;
  };
  CHECK(samplesOf(start + adobe(1) + bare.substr(2)) == samples);
  const std::vector<int> rgb = samplesOf(bare);
  CHECK(rgb != samples);
  CHECK(samplesOf(start + adobe(0) + bare.substr(2)) == rgb);
}

TEST_CASE("a JPEG of absurdly many scans is refused by the core, too", "[image_decode]") {
  const std::string jpeg = test::readText(kImages / "progressive.jpg");
  CHECK_FALSE(samplesOf(test::withScans(jpeg, 20)).empty());
  CHECK(errorOf(test::withScans(jpeg, 600)).message == "image: got a JPEG of more than 500 scans, expected 500 at most.");
}

TEST_CASE("chunks of an APNG out of their order are refused", "[image_decode]") {
  const std::string picture("\x7F"), control = pngChunk("acTL", bigEndian(1) + bigEndian(0));
  const auto frame = [](uint32_t number) {
    return pngChunk("fcTL", bigEndian(number) + bigEndian(1) + bigEndian(1) + bigEndian(0) + bigEndian(0) + std::string(6, '\0'));
  };
  const auto pixels = [](uint32_t number) { return pngChunk("fdAT", bigEndian(number) + "xx"); };
  CHECK(samplesOf(greyPng(8, 1, picture, control + frame(0), pixels(1) + pixels(2))).size() == 3);
  CHECK(samplesOf(greyPng(8, 1, picture, frame(0), frame(1) + pixels(2))).size() == 3);  // without acTL there is no animation
  for (const std::string& file : {greyPng(8, 1, picture, control + frame(0), pixels(2)), greyPng(8, 1, picture, control, pixels(0)),
                                  greyPng(8, 1, picture, control + frame(1))}) {
    CHECK(errorOf(file).message.find("frames out of order") != std::string::npos);
  }
  CHECK(errorOf(greyPng(8, 1, picture, control + frame(0), pngChunk("fdAT", "\0"s))).message.find("too short") != std::string::npos);
}

TEST_CASE("a PNG's checksums are compared where Pillow compares them", "[image_decode]") {
  const std::vector<uint8_t> whole = test::readBytes(kImages / "raw_text.png");
  const std::string_view text(reinterpret_cast<const char*>(whole.data()), whole.size());
  const auto with = [&](size_t at) {
    std::vector<uint8_t> file = whole;
    file[at] ^= 1;
    return decodeImage(file);
  };
  const size_t words = text.find("tEXt"), pixels = text.find("IDAT"), end = text.find("IEND");
  for (const auto& [at, message] : {std::pair{size_t{30}, "its chunk IHDR"}, {words + 10, "its chunk tEXt"}, {end - 12, "its pixels"}}) {
    CAPTURE(at);
    const auto image = with(at);
    REQUIRE_FALSE(image.ok());
    CHECK(image.error().message.find(std::string("a wrong checksum of ") + message) != std::string::npos);
  }
  // That of the chunk of pixels is not, where their own is right; nor is any behind it.
  const size_t crc = end - 8;
  REQUIRE(pixels < crc);
  CHECK(with(crc).ok());
  CHECK(with(whole.size() - 1).ok());
}

TEST_CASE("frames of an APNG that cannot be are refused", "[image_decode]") {
  const std::string whole = test::readText(kImages / "apng_part.png");
  const size_t frame = whole.find("fcTL");
  REQUIRE(frame != std::string::npos);
  std::string wide = whole;
  wide[frame + 4 + 7] = 6;  // 2 + 6 of 7 columns
  const std::vector<uint8_t> bytes(wide.begin(), wide.end());
  const auto image = decodeImage(bytes);
  REQUIRE_FALSE(image.ok());
  CHECK(image.error().message.find("a frame outside of the picture") != std::string::npos);
}

TEST_CASE("EXIF orientation is read in both byte orders and nowhere else", "[image_orientation]") {
  const std::string entry("\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", 12);
  const std::string little = std::string("II*\0\x08\0\0\0\x01\0", 10) + entry;
  const std::string big = std::string("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0", 22);
  CHECK(jpegOrientation(exifJpeg(little)) == 6);
  CHECK(jpegOrientation(exifJpeg(big)) == 8);
  CHECK(jpegOrientation(exifJpeg(std::string("II*\0\xFF\xFF\xFF\xFF", 8))) == 1);             // a directory beyond the end
  CHECK(jpegOrientation(exifJpeg(std::string("II*\0\x08\0\0\0\xFF\xFF", 10) + entry)) == 6);  // more entries than there are
  CHECK(jpegOrientation(exifJpeg("")) == 1);
  CHECK(jpegOrientation({}) == 1);
  // Of several the first that has a value.
  const std::string none("\x12\x01\x03\0\0\0\0\0\x03\0\0\0", 12), other("\x12\x01\x04\0\x01\0\0\0\x03\0\0\0", 12);
  CHECK(jpegOrientation(exifJpeg(std::string("II*\0\x08\0\0\0\x03\0", 10) + none + entry + other)) == 6);
  CHECK(jpegOrientation(exifJpeg(std::string("II*\0\x08\0\0\0\x02\0", 10) + other + entry)) == 3);
  std::string wrong = little;
  wrong[18] = 9;  // no orientation
  CHECK(jpegOrientation(exifJpeg(wrong)) == 1);

  const std::vector<uint8_t> whole = exifJpeg(little);
  for (size_t length = 0; length < whole.size(); ++length) {
    const std::vector<uint8_t> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    CHECK(jpegOrientation(cut) == 1);
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
