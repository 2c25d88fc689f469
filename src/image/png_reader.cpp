#include "src/image/png_reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/image/file_bytes.h"
#include "src/image/image_orientation.h"
#include "src/image/stb_decoder.h"

namespace beit {
namespace {

using Bytes = std::span<const uint8_t>;
using std::literals::operator""sv;

Error cutOff() { return cutOff(ImageFormat::kPng); }
Error damaged(const std::string& reason) { return notDecodable(ImageFormat::kPng, reason); }

constexpr auto kCrcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value & 1 ? value >> 1 ^ 0xEDB88320 : value >> 1;
    table[i] = value;
  }
  return table;
}();

uint32_t crc32(Bytes bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (const uint8_t byte : bytes) crc = kCrcTable[(crc ^ byte) & 0xFF] ^ crc >> 8;
  return ~crc;
}

uint32_t adler32(Bytes bytes) {
  constexpr uint32_t kPrime = 65521;
  uint32_t low = 1, high = 0;
  for (const uint8_t byte : bytes) {
    low = (low + byte) % kPrime;
    high = (high + low) % kPrime;
  }
  return high << 16 | low;
}

uint32_t bigEndian32(Bytes bytes, size_t at) {
  return static_cast<uint32_t>(bytes[at]) << 24 | static_cast<uint32_t>(bytes[at + 1]) << 16 | static_cast<uint32_t>(bytes[at + 2]) << 8 |
         bytes[at + 3];
}

void put32(uint8_t* to, uint32_t value) {
  for (int i = 0; i < 4; ++i) to[i] = static_cast<uint8_t>(value >> (24 - 8 * i));
}

std::string_view textOf(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
Bytes bytesOf(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

struct Chunk {
  std::string_view type;
  Bytes data;
  Bytes checked;                // type and data, of which the checksum is
  std::optional<uint32_t> crc;  // nothing where the file ends before

  bool intact() const { return crc && *crc == crc32(checked); }
};

enum class Next { kChunk, kEnd, kCutOff };

Next nextChunk(FileBytes& bytes, Chunk& chunk) {
  const Bytes head = bytes.take(8);
  if (head.size() < 8) return Next::kEnd;
  chunk.type = textOf(head.subspan(4));
  for (const char c : chunk.type)
    if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '_') return Next::kEnd;
  const int64_t length = bigEndian32(head, 0);
  if (length > static_cast<int64_t>(bytes.left())) return Next::kCutOff;
  chunk.data = bytes.take(length);
  chunk.checked = {head.data() + 4, chunk.data.size() + 4};
  const Bytes crc = bytes.take(4);
  chunk.crc = crc.size() == 4 ? std::optional(bigEndian32(crc, 0)) : std::nullopt;
  return Next::kChunk;
}

struct Box {
  int64_t left = 0, top = 0, width = 0, height = 0;
};

struct PngFile {
  std::array<uint8_t, 13> header{};
  std::array<uint8_t, 768> palette{};  // black where the file has no colour
  bool has_palette = false;
  std::vector<Bytes> pixels;  // compressed
  bool intact = true;         // as far as the checksums of these chunks say
  int64_t compressed = 0;     // bytes of them
  // Of an animation.
  std::optional<uint32_t> frames;
  std::optional<Box> first_frame;
  uint32_t in_sequence = 0;  // how many of its chunks have been read
  // Where an orientation may be.
  std::string exif, raw_profile, xmp;
  bool has_exif = false;
  size_t text = 0;  // bytes of all texts

  int64_t width() const { return bigEndian32(header, 0); }
  int64_t height() const { return bigEndian32(header, 4); }
};

// Pillow refuses a file with more text: what a chunk expands to, and that of all chunks.
constexpr size_t kLongestText = size_t{1} << 20, kMostText = size_t{1} << 26;

// What a text expands to. One that is damaged is passed over, but its work counts among all texts', since a file may have any number.
Result<std::string> expanded(std::string_view text, PngFile& png) {
  constexpr size_t kMostExpansion = 4 * 258;  // Deflate makes 258 bytes of two bits at most: of a short text no megabyte
  std::string out(std::min(kLongestText, std::min(text.size(), kLongestText) * kMostExpansion), '\0');
  bool has_more = false;
  const auto size = inflate(bytesOf(text), {reinterpret_cast<uint8_t*>(out.data()), out.size()}, &has_more);
  if (has_more) return damaged("a text of more than 1 MB");
  if (!size) png.text += out.size();
  out.resize(size.value_or(0));
  return out;
}

Status readText(const Chunk& chunk, PngFile& png) {
  std::string_view text = textOf(chunk.data);
  const size_t end = text.find('\0');
  if (end == std::string_view::npos) return {};
  const std::string_view key = text.substr(0, end);
  text.remove_prefix(end + 1);
  bool compressed = chunk.type == "zTXt";
  if (compressed) {
    text.remove_prefix(std::min<size_t>(text.size(), 1));  // the method
  } else if (chunk.type == "iTXt") {
    if (text.size() < 2) return {};
    compressed = text[0] != 0;
    text.remove_prefix(2);
    for (int i = 0; i < 2; ++i) {  // the language, and the key in it
      const size_t stop = text.find('\0');
      if (stop == std::string_view::npos) return {};
      text.remove_prefix(stop + 1);
    }
  }
  std::string value;
  if (compressed) {
    BEIT_ASSIGN(value, expanded(text, png));
    text = value;
  }
  png.text += text.size();
  if (png.text > kMostText) return damaged("more than 64 MB of text");
  if (key == "exif" && chunk.type == "tEXt") {
    png.exif = text;
    png.has_exif = true;
  } else if (key == "Raw profile type exif") {
    png.raw_profile = text;
  } else if (key == "XML:com.adobe.xmp") {
    png.xmp = text;
  }
  return {};
}

// Frames and their pixels are numbered together.
Status checkSequence(Bytes data, PngFile& png) {
  if (bigEndian32(data, 0) != png.in_sequence) return damaged("frames out of order");
  ++png.in_sequence;
  return {};
}

Status readFrameControl(Bytes data, bool before_pixels, PngFile& png) {
  if (data.size() < 26) return damaged("a frame control chunk that is too short");
  const Box box{bigEndian32(data, 12), bigEndian32(data, 16), bigEndian32(data, 4), bigEndian32(data, 8)};
  BEIT_TRY(checkSequence(data, png));
  if (box.left + box.width > png.width() || box.top + box.height > png.height()) return damaged("a frame outside of the picture");
  if (before_pixels) png.first_frame = box;
  return {};
}

// Keeps what is wanted of a chunk that is not one of pixels.
Status readChunk(const Chunk& chunk, bool before_pixels, PngFile& png) {
  if (chunk.type == "eXIf") {
    png.exif = textOf(chunk.data);
    png.has_exif = true;
  } else if (chunk.type == "tEXt" || chunk.type == "zTXt" || chunk.type == "iTXt") {
    BEIT_TRY(readText(chunk, png));
  } else if (chunk.type == "fcTL") {
    BEIT_TRY(readFrameControl(chunk.data, before_pixels, png));
  } else if (chunk.type == "fdAT") {
    if (chunk.data.size() < 4) return damaged("a chunk of a frame's pixels that is too short");
    if (png.in_sequence == 0) return damaged("frames out of order");
    BEIT_TRY(checkSequence(chunk.data, png));
  } else if (!before_pixels) {
    return {};
  } else if (chunk.type == "IHDR") {
    if (chunk.data.size() < 13) return damaged("a header that is too short");
    std::copy_n(chunk.data.begin(), 13, png.header.begin());
  } else if (chunk.type == "PLTE") {
    png.has_palette = true;
    png.palette.fill(0);
    std::copy_n(chunk.data.begin(), std::min(chunk.data.size(), png.palette.size()), png.palette.begin());
  } else if (chunk.type == "acTL") {
    if (chunk.data.size() < 8) return damaged("an animation control chunk that is too short");
    const uint32_t frames = bigEndian32(chunk.data, 0);
    if (png.frames) png.frames.reset();
    else if (frames > 0 && frames <= 0x80000000) png.frames = frames;
  }
  return {};
}

Result<PngFile> readChunks(Bytes file) {
  PngFile png;
  FileBytes bytes(file, 8);
  Chunk chunk;
  for (;;) {
    const Next next = nextChunk(bytes, chunk);
    if (next == Next::kCutOff) return cutOff();
    if (next == Next::kEnd) return bytes.left() == 0 ? cutOff() : damaged("a chunk without a name");
    if (chunk.type == "IDAT") break;
    if (chunk.type == "IEND") return damaged("no pixels before its end");
    BEIT_TRY(readChunk(chunk, true, png));
    if (!chunk.intact()) return damaged("a wrong checksum of its chunk " + std::string(chunk.type));
  }
  for (Next next = Next::kChunk; next != Next::kEnd && chunk.type == "IDAT"; next = nextChunk(bytes, chunk)) {
    if (next == Next::kCutOff) return cutOff();
    png.pixels.push_back(chunk.data);
    png.intact = png.intact && chunk.intact();
    png.compressed += static_cast<int64_t>(chunk.data.size());
    if (bytes.left() == 0) return png;
  }
  const int64_t frames = int64_t{png.frames.value_or(1)} + (png.frames && !png.first_frame ? 1 : 0);
  // What follows may tell the orientation; an end without IEND is one, but half a chunk is not.
  for (Next next = Next::kChunk; next != Next::kEnd && chunk.type != "IEND"; next = nextChunk(bytes, chunk)) {
    if (next == Next::kCutOff) return cutOff();
    if (chunk.type == "fcTL" && frames > 1) break;
    BEIT_TRY(readChunk(chunk, false, png));
  }
  return png;
}

// ImageMagick's profile: a line without anything, its name, its length, and then the bytes in hexadecimal.
std::string hexProfile(std::string_view text) {
  for (int line = 0; line < 3; ++line) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  std::string bytes;
  int held = -1;
  for (const char c : text) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) continue;
    if (held < 0) {
      held = digit;
      continue;
    }
    bytes += static_cast<char>(held << 4 | digit);
    held = -1;
  }
  return bytes;
}

// Bytes that the filtered rows of a picture take.
int64_t filteredBytes(const PngFile& png, int64_t width, int64_t height) {
  constexpr int kSamples[] = {1, 0, 3, 1, 2, 0, 4};
  const int64_t bits = png.header[8] * kSamples[std::min<int>(png.header[9], 6)];
  const auto rows = [bits](int64_t w, int64_t h) { return w > 0 ? (1 + (w * bits + 7) / 8) * h : 0; };
  if (!png.header[12]) return rows(width, height);
  int64_t sum = 0;
  constexpr int kPasses[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
  for (const auto& [x, y, dx, dy] : kPasses) sum += rows((width - x + dx - 1) / dx, (height - y + dy - 1) / dy);
  return sum;
}

// Deflate's most is 1032 to 1.
bool mayHold(const PngFile& png, int64_t filtered) { return filtered / 1100 <= png.compressed; }

// Whether the pixels are those that were written: zlib's checksum, for a file whose chunks' checksums do not say so.
Result<bool> pixelsAreWhole(const PngFile& png, int64_t width, int64_t height) {
  if (png.compressed < 6) return false;
  BEIT_ASSIGN(auto zlib, Buffer<uint8_t>::allocate(png.compressed, "the pixels of a PNG"));
  uint8_t* to = zlib.data();
  for (const Bytes piece : png.pixels) to = std::copy(piece.begin(), piece.end(), to);
  const int64_t size = filteredBytes(png, width, height);
  if (size > INT32_MAX || !mayHold(png, size)) return false;
  BEIT_ASSIGN(auto rows, Buffer<uint8_t>::allocate(size, "the rows of a PNG"));
  const auto inflated = inflate(zlib, {rows.data(), rows.size()});
  return inflated && adler32({rows.data(), *inflated}) == bigEndian32(zlib, zlib.size() - 4);
}

}  // namespace

Result<Image8> readPng(Bytes file) {
  BEIT_ASSIGN(PngFile png, readChunks(file));
  BEIT_TRY(checkPixels(png.width(), png.height()));
  const Box box = png.first_frame.value_or(Box{0, 0, png.width(), png.height()});
  BEIT_TRY(checkPixels(box.width, box.height));
  if (png.compressed > INT32_MAX / 2) return damaged("more than 1 GB of pixels");
  // Before the decoder takes memory for them, several times over.
  if (png.header[8] <= 16 && !mayHold(png, filteredBytes(png, box.width, box.height))) return cutOff();
  if (!png.intact) {
    BEIT_ASSIGN(const bool whole, pixelsAreWhole(png, box.width, box.height));
    if (!whole) return damaged("a wrong checksum of its pixels");
  }

  // The file as the decoder gets it: only what makes the pixels, in chunks whose checksums it does not read.
  constexpr std::string_view kSignature = "\x89PNG\r\n\x1A\n", kEnd = "\0\0\0\0IEND\xAE\x42\x60\x82"sv, kNoCrc = "\0\0\0\0"sv;
  std::array<uint8_t, 8 + 13> header;
  std::array<uint8_t, 8> palette, pixels;
  const auto head = [](uint8_t* to, size_t size, std::string_view type) {
    put32(to, static_cast<uint32_t>(size));
    std::memcpy(to + 4, type.data(), 4);
  };
  head(header.data(), 13, "IHDR");
  std::copy(png.header.begin(), png.header.end(), header.begin() + 8);
  put32(header.data() + 8, static_cast<uint32_t>(box.width));
  put32(header.data() + 12, static_cast<uint32_t>(box.height));
  head(palette.data(), png.palette.size(), "PLTE");
  head(pixels.data(), static_cast<size_t>(png.compressed), "IDAT");
  std::vector<Bytes> pieces{bytesOf(kSignature), header, bytesOf(kNoCrc)};
  if (png.has_palette && png.header[9] == 3) pieces.insert(pieces.end(), {Bytes(palette), Bytes(png.palette), bytesOf(kNoCrc)});
  pieces.push_back(pixels);
  pieces.insert(pieces.end(), png.pixels.begin(), png.pixels.end());
  pieces.insert(pieces.end(), {bytesOf(kNoCrc), bytesOf(kEnd)});
  BEIT_ASSIGN(Image8 image, decodeWithStb(ImageFormat::kPng, pieces));

  if (box.width < png.width() || box.height < png.height()) {
    BEIT_ASSIGN(Image8 canvas, Image8::allocate({png.height(), png.width()}, 3, "the picture of a PNG"));
    constexpr std::array<uint8_t, 3> kBlack{};
    canvas.fill(png.header[9] == 3 ? std::span(png.palette).first(3) : std::span<const uint8_t>(kBlack));
    for (int64_t y = 0; y < box.height; ++y) std::copy_n(image.row(y), box.width * 3, canvas.row(box.top + y) + box.left * 3);
    image = std::move(canvas);
  }
  if (!png.has_exif) png.exif = hexProfile(png.raw_profile);
  return makeUpright(std::move(image), orientationOf(bytesOf(png.exif), bytesOf(png.xmp)));
}

}  // namespace beit
