#include "src/image/image_format.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "src/base/first_bytes.h"
#include "src/base/web_page.h"

namespace beit {
namespace {

using std::literals::operator""sv;

constexpr const char* kHere = "PNG, JPEG, BMP, GIF or PNM";
// With those that src/codecs reads: for what is no picture at all.
constexpr std::string_view kExpected = "PNG, JPEG, BMP, GIF, PNM, TIFF or WebP";

struct Magic {
  size_t offset;
  std::string_view bytes;
  const char* name;
};

constexpr std::array kKnown{Magic{8, "WEBP", "WebP"},
                            Magic{4, "ftypavif", "AVIF"},
                            Magic{4, "ftypavis", "AVIF"},
                            Magic{4, "ftyphei", "HEIC"},
                            Magic{4, "ftyphev", "HEIC"},
                            Magic{4, "ftypmif1", "HEIC or AVIF"},
                            Magic{4, "ftypmsf1", "HEIC or AVIF"},
                            Magic{0, "II*\0"sv, "TIFF"},
                            Magic{0, "MM\0*"sv, "TIFF"},
                            Magic{0, "II+\0"sv, "TIFF"},
                            Magic{0, "MM\0+"sv, "TIFF"},
                            Magic{0, "\xFF\x0A", "JPEG XL"},
                            Magic{0, "\0\0\0\x0CJXL "sv, "JPEG XL"},
                            Magic{0, "\0\0\0\x0CjP  "sv, "JPEG 2000"},
                            Magic{0, "\xFF\x4F\xFF\x51", "JPEG 2000"},
                            Magic{0, "8BPS", "Photoshop"},
                            Magic{0, "\0\0\1\0"sv, "ICO"},
                            Magic{0, "%PDF", "PDF"},
                            Magic{0, "#?RADIANCE", "Radiance HDR"},
                            Magic{0, "v/1\1", "OpenEXR"},
                            Magic{0, "PF", "PFM with colours"}};

bool has(std::string_view text, size_t offset, std::string_view magic) {
  return text.size() >= offset && text.substr(offset).starts_with(magic);
}

// Whether a file begins with the header of a BMP without the one before it, by its size and its one plane.
bool isDib(std::span<const uint8_t> bytes) {
  constexpr uint8_t kOs2 = 12, kSizes[] = {kOs2, 40, 52, 56, 64, 108, 124};
  if (bytes.size() < 16 || bytes[1] || bytes[2] || bytes[3]) return false;
  if (std::find(std::begin(kSizes), std::end(kSizes), bytes[0]) == std::end(kSizes)) return false;
  const size_t planes = bytes[0] == kOs2 ? 8 : 12;
  return bytes[planes] == 1 && bytes[planes + 1] == 0;
}

}  // namespace

const char* toString(ImageFormat format) {
  switch (format) {
    case ImageFormat::kPng: return "PNG";
    case ImageFormat::kJpeg: return "JPEG";
    case ImageFormat::kBmp: return "BMP";
    case ImageFormat::kGif: return "GIF";
    case ImageFormat::kPnm: return "PNM";
  }
  return "";
}

Result<ImageFormat> recognizeImage(std::span<const uint8_t> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::string expected(kExpected);
  if (text.empty()) return mismatch(ErrorCode::kBadImage, "image", "an empty file", expected);
  if (has(text, 0, "\x89PNG\r\n\x1A\n")) return ImageFormat::kPng;
  if (has(text, 0, "\xFF\xD8\xFF")) return ImageFormat::kJpeg;
  if (has(text, 0, "GIF87a") || has(text, 0, "GIF89a")) return ImageFormat::kGif;
  if (text.size() >= 2 && text[0] == 'P' && std::string_view("1234567f").find(text[1]) != std::string_view::npos) return ImageFormat::kPnm;
  if (has(text, 0, "BM") || isDib(bytes)) return ImageFormat::kBmp;
  for (const Magic& magic : kKnown) {
    if (has(text, magic.offset, magic.bytes)) {
      return mismatch(ErrorCode::kUnsupported, "image", magic.name, kHere);
    }
  }
  if (looksLikeHtml(text)) {
    if (text.substr(0, 1024).find("<svg") != std::string_view::npos) {
      return mismatch(ErrorCode::kUnsupported, "image", "SVG", kHere);
    }
    return mismatch(ErrorCode::kHtml, "image", "a web page", expected);
  }
  return mismatch(ErrorCode::kBadImage, "image", "a file that begins with " + firstBytes(text), expected);
}

}  // namespace beit
