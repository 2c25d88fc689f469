#include "src/image/image_orientation.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace beit {
namespace {

// A range of bytes that answers nothing beyond its end.
class Bytes {
 public:
  Bytes(std::span<const uint8_t> bytes, bool little_endian) : bytes_(bytes), little_endian_(little_endian) {}

  std::optional<uint32_t> number(size_t at, size_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) return std::nullopt;
    uint32_t value = 0;
    for (size_t i = 0; i < size; ++i) {
      value = value << 8 | bytes_[at + (little_endian_ ? size - 1 - i : i)];
    }
    return value;
  }
  std::optional<uint32_t> u16(size_t at) const { return number(at, 2); }
  std::optional<uint32_t> u32(size_t at) const { return number(at, 4); }

 private:
  std::span<const uint8_t> bytes_;
  bool little_endian_;
};

bool startsWith(std::span<const uint8_t> bytes, const char* text, size_t size) {
  return bytes.size() >= size && std::memcmp(bytes.data(), text, size) == 0;
}

// The orientation in EXIF's own container, a TIFF header with a directory of tags.
int tiffOrientation(std::span<const uint8_t> tiff) {
  constexpr uint32_t kOrientation = 0x0112, kShort = 3, kLong = 4;
  const bool little = startsWith(tiff, "II*\0", 4);
  if (!little && !startsWith(tiff, "MM\0*", 4)) return 1;
  const Bytes bytes(tiff, little);
  const size_t directory = bytes.u32(4).value_or(0);
  const size_t entries = bytes.u16(directory).value_or(0);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + 12 * i;
    const auto tag = bytes.u16(entry);
    if (!tag) return 1;
    if (tag != kOrientation) continue;
    const auto type = bytes.u16(entry + 2);
    const auto value = type == kShort ? bytes.u16(entry + 8) : type == kLong ? bytes.u32(entry + 8) : 1;
    return value && *value >= 1 && *value <= 8 ? static_cast<int>(*value) : 1;
  }
  return 1;
}

}  // namespace

int exifOrientation(std::span<const uint8_t> jpeg) {
  constexpr uint32_t kApp1 = 0xE1, kStartOfScan = 0xDA, kEnd = 0xD9;
  const Bytes bytes(jpeg, false);
  size_t at = 2;  // behind the marker that starts the file
  // A segment: 0xFF (any number of them), a marker, and a length that counts its own two bytes.
  while (bytes.number(at, 1) == 0xFF) {
    const auto marker = bytes.number(at + 1, 1);
    if (marker == 0xFF) {
      ++at;
      continue;
    }
    const auto length = bytes.u16(at + 2);
    if (!marker || !length || *length < 2 || marker == kStartOfScan || marker == kEnd) return 1;
    const size_t body = at + 4;
    const size_t size = *length - 2;
    if (size > jpeg.size() - body) return 1;
    if (marker == kApp1) {
      const auto segment = jpeg.subspan(body, size);
      if (startsWith(segment, "Exif\0\0", 6)) return tiffOrientation(segment.subspan(6));
    }
    at = body + size;
  }
  return 1;
}

Result<Image8> makeUpright(Image8 image, int orientation) {
  if (orientation <= 1 || orientation > 8) return image;
  const int64_t w = image.width, h = image.height, n = image.channels;
  const bool turned = orientation >= 5;
  BEIT_ASSIGN(Image8 out, Image8::allocate(turned ? Size{w, h} : Size{h, w}, n, "the upright image"));

  // Where the output's first pixel lies in the input, and how far one step right (x) and one step
  // down (y) in the output are in the input, in pixels. Pillow's names of the turns stand beside.
  int64_t start = 0, x_step = 1, y_step = w;
  switch (orientation) {
    case 2:
      start = w - 1;
      x_step = -1;
      y_step = w;
      break;  // FLIP_LEFT_RIGHT
    case 3:
      start = w * h - 1;
      x_step = -1;
      y_step = -w;
      break;  // ROTATE_180
    case 4:
      start = w * (h - 1);
      x_step = 1;
      y_step = -w;
      break;  // FLIP_TOP_BOTTOM
    case 5:
      start = 0;
      x_step = w;
      y_step = 1;
      break;  // TRANSPOSE
    case 6:
      start = w * (h - 1);
      x_step = -w;
      y_step = 1;
      break;  // ROTATE_270
    case 7:
      start = w * h - 1;
      x_step = -w;
      y_step = -1;
      break;  // TRANSVERSE
    case 8:
      start = w - 1;
      x_step = w;
      y_step = -1;
      break;  // ROTATE_90
  }
  // In tiles, since a column of the input is a cache line a pixel.
  constexpr int64_t kTile = 32;
  for (int64_t top = 0; top < out.height; top += kTile) {
    for (int64_t left = 0; left < out.width; left += kTile) {
      const int64_t right = std::min(left + kTile, out.width);
      for (int64_t y = top; y < std::min(top + kTile, out.height); ++y) {
        uint8_t* to = out.row(y) + left * n;
        for (int64_t x = left; x < right; ++x, to += n) {
          const uint8_t* from = image.data.data() + (start + x * x_step + y * y_step) * n;
          for (int64_t c = 0; c < n; ++c) to[c] = from[c];
        }
      }
    }
  }
  return out;
}

}  // namespace beit
