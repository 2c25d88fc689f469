#include "src/image/image_orientation.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

#include "src/image/jpeg_segments.h"

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

// The value of the tag in EXIF's own container, a TIFF header with a directory of tags: nothing where there is no such
// tag, 0 where its value is none. Of several the first one counts.
std::optional<uint32_t> exifOrientation(std::span<const uint8_t> tiff) {
  constexpr uint32_t kOrientation = 0x0112;
  enum : uint32_t { kShort = 3, kLong = 4, kSignedByte = 6, kSignedShort = 8, kSignedLong = 9, kLastType = 13 };
  while (startsWith(tiff, "Exif\0\0", 6)) tiff = tiff.subspan(6);
  const bool little = startsWith(tiff, "II", 2);
  if (!little && !startsWith(tiff, "MM", 2)) return std::nullopt;
  const Bytes bytes(tiff, little);
  const auto magic = bytes.u16(2);
  if (magic != 0x2A && magic != 0x2A00) return std::nullopt;
  const size_t directory = bytes.u32(4).value_or(0);
  const size_t entries = bytes.u16(directory).value_or(0);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + 12 * i;
    const auto tag = bytes.u16(entry), type = bytes.u16(entry + 2);
    const auto count = bytes.u32(entry + 4), word = bytes.u32(entry + 8);
    if (!word) break;
    if (tag != kOrientation || count == 0u || type == 0u || *type > kLastType) continue;
    if (count != 1u) return 0;
    if (type == kShort || type == kSignedShort) return bytes.u16(entry + 8);
    if (type == kLong || type == kSignedLong) return word;
    return type == kSignedByte ? *bytes.number(entry + 8, 1) : 0;
  }
  return std::nullopt;
}

// The digit behind the first tiff:Orientation=" or tiff:Orientation> of XMP's text.
std::optional<uint32_t> xmpOrientation(std::span<const uint8_t> xmp) {
  constexpr std::string_view kName = "tiff:Orientation";
  const std::string_view text(reinterpret_cast<const char*>(xmp.data()), xmp.size());
  for (size_t at = text.find(kName); at != std::string_view::npos; at = text.find(kName, at + 1)) {
    std::string_view rest = text.substr(at + kName.size());
    if (rest.starts_with("=\"")) rest.remove_prefix(2);
    else if (rest.starts_with(">")) rest.remove_prefix(1);
    else continue;
    if (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') return static_cast<uint32_t>(rest[0] - '0');
  }
  return std::nullopt;
}

}  // namespace

int orientationOf(std::span<const uint8_t> exif, std::span<const uint8_t> xmp) {
  auto orientation = exifOrientation(exif);
  if (!orientation) orientation = xmpOrientation(xmp);
  return orientation && *orientation >= 1 && *orientation <= 8 ? static_cast<int>(*orientation) : 1;
}

void JpegOrientation::addApp1(std::span<const uint8_t> body) {
  using std::literals::operator""sv;
  constexpr std::string_view kExif = "Exif\0\0"sv, kXmp = "http://ns.adobe.com/xap/1.0/\0"sv;
  if (startsWith(body, kExif.data(), kExif.size())) exif_.insert(exif_.end(), body.begin() + kExif.size(), body.end());
  if (startsWith(body, kXmp.data(), kXmp.size())) xmp_ = body.subspan(kXmp.size());
}

int jpegOrientation(std::span<const uint8_t> jpeg) {
  JpegSegments segments(jpeg);
  JpegOrientation orientation;
  while (const auto segment = segments.next())
    if (segment->marker == JpegOrientation::kApp1) orientation.addApp1(segment->body);
  return orientation.value();
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
