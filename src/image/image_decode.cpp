#include "src/image/image_decode.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "src/image/image_format.h"
#include "src/image/image_orientation.h"

// Only the formats in use, and no files: a quarter of stb_image.
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_ONLY_BMP
#define STBI_ONLY_GIF
#define STBI_ONLY_PNM
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_MAX_DIMENSIONS (1 << 20)  // kMaxImageSide
// It copies no bytes to a null pointer where a PNG has an empty IDAT, which memcpy forbids.
static void* copyBytes(void* to, const void* from, size_t count) { return count ? std::memcpy(to, from, count) : to; }
#define memcpy copyBytes
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"  // of a static library not all is called
#include <stb_image.h>
#pragma GCC diagnostic pop
#undef memcpy

namespace beit {
namespace {

static_assert(STBI_MAX_DIMENSIONS == kMaxImageSide);

// The decoder reads through this rather than from memory, because asked for bytes that are not
// there, it goes on with zeros: only who gives the bytes can tell that a file is cut off.
struct Reader {
  std::span<const uint8_t> file;
  size_t at = 0;
  bool ran_out = false;
  // A byte that the decoder is to see otherwise; file.size() for none.
  size_t patched = 0;
  uint8_t patch = 0;

  int read(char* to, int size) {
    const size_t count = std::min(static_cast<size_t>(size), file.size() - at);
    if (count == 0) ran_out = true;
    copyBytes(to, file.data() + at, count);
    if (patched >= at && patched - at < count) to[patched - at] = static_cast<char>(patch);
    at += count;
    return static_cast<int>(count);
  }

  void skip(int size) {
    const auto distance = static_cast<size_t>(std::max(size, 0));
    if (distance > file.size() - at) ran_out = true;
    at += std::min(distance, file.size() - at);
  }
};

const stbi_io_callbacks kCallbacks{[](void* reader, char* to, int size) { return static_cast<Reader*>(reader)->read(to, size); },
                                   [](void* reader, int size) { static_cast<Reader*>(reader)->skip(size); },
                                   [](void* reader) {
                                     const auto* self = static_cast<Reader*>(reader);
                                     return self->at >= self->file.size() ? 1 : 0;
                                   }};

Error decodeError(ImageFormat format, const Reader& reader) {
  const std::string_view reason = stbi_failure_reason();
  const std::string subject = "this " + std::string(toString(format));
  if (reader.ran_out || reason == "outofdata" || reason == "bad PNM") {
    return failure(ErrorCode::kBadImage, "image", subject + " is cut off");
  }
  if (reason == "outofmem") {
    return failure(ErrorCode::kOutOfMemory, "image", "no memory to decode " + subject);
  }
  std::string words(reason);  // they may quote bytes of the file
  for (char& c : words)
    if (c < ' ' || c > '~') c = '?';
  return failure(ErrorCode::kBadImage, "image", subject + " cannot be decoded (" + words + ")");
}

// Where a GIF's first frame says that one of its colours is transparent, if it does. The flag is
// hidden from the decoder, which would leave such pixels black: Pillow's convert("RGB") gives them
// their colour in the palette.
std::optional<size_t> gifTransparencyFlag(std::span<const uint8_t> gif) {
  constexpr uint8_t kExtension = 0x21, kGraphicControl = 0xF9;
  size_t at = 13;  // behind the screen descriptor
  if (gif.size() < at) return std::nullopt;
  if (gif[10] & 0x80) at += size_t{3} << ((gif[10] & 7) + 1);  // its palette
  while (gif.size() > at && gif.size() - at > 3 && gif[at] == kExtension) {
    if (gif[at + 1] == kGraphicControl && gif[at + 2] == 4) return at + 3;
    at += 2;
    while (at < gif.size() && gif[at] != 0) at += size_t{1} + gif[at];
    ++at;
  }
  return std::nullopt;
}

// The largest sample value that a PNM header declares, or nothing when it cannot be read.
std::optional<int> pnmMaximum(std::span<const uint8_t> pnm) {
  size_t at = 2;
  int value = 0;
  const auto digit = [&] { return at < pnm.size() && pnm[at] >= '0' && pnm[at] <= '9'; };
  for (int token = 0; token < 3; ++token) {  // width, height, maximum
    while (at < pnm.size() && !digit()) {
      if (pnm[at] == '#')
        while (at < pnm.size() && pnm[at] != '\n') ++at;
      else ++at;
    }
    if (!digit()) return std::nullopt;
    for (value = 0; digit(); ++at) value = std::min(value * 10 + (pnm[at] - '0'), 1 << 20);
  }
  return value;
}

// Pillow's PpmImagePlugin spreads smaller ranges over all 8 bits; the decoder does not.
Status scalePnm(std::span<const uint8_t> file, Image8& image) {
  const int maximum = pnmMaximum(file).value_or(255);
  if (maximum == 255 || maximum == 65535) return {};
  if (maximum < 1 || maximum > 255) {
    return mismatch(ErrorCode::kUnsupported, "image", "a PNM with samples up to " + std::to_string(maximum), "up to 255, or 65535");
  }
  std::array<uint8_t, 256> scaled;
  for (int value = 0; value < 256; ++value) {
    scaled[static_cast<size_t>(value)] = static_cast<uint8_t>(std::min(std::nearbyint(static_cast<double>(value) / maximum * 255), 255.0));
  }
  for (uint8_t& sample : image.data) sample = scaled[sample];
  return {};
}

}  // namespace

Result<Image8> decodeImage(std::span<const uint8_t> file) {
  BEIT_ASSIGN(const ImageFormat format, recognizeImage(file));
  int width = 0, height = 0, channels = 0;
  Reader header{.file = file, .patched = file.size()};
  if (!stbi_info_from_callbacks(&kCallbacks, &header, &width, &height, &channels)) {
    return decodeError(format, header);
  }
  // Before memory is asked for. The decoder takes a GIF without width or height for a picture.
  if (width < 1 || height < 1 || int64_t{width} * height > kMaxImagePixels) {
    return mismatch(ErrorCode::kBadImage, "image", std::to_string(width) + " x " + std::to_string(height) + " pixels",
                    "1 to " + std::to_string(kMaxImagePixels));
  }

  Reader reader{.file = file, .patched = file.size()};
  if (format == ImageFormat::kGif) {
    if (const auto flag = gifTransparencyFlag(file)) {
      reader.patched = *flag;
      reader.patch = static_cast<uint8_t>(file[*flag] & ~1);
    }
  }
  constexpr int kChannels = 3;
  uint8_t* samples = stbi_load_from_callbacks(&kCallbacks, &reader, &width, &height, &channels, kChannels);
  if (!samples) return decodeError(format, reader);
  const auto bytes = static_cast<size_t>(int64_t{width} * height * kChannels);
  Image8 image{width, height, kChannels, Buffer<uint8_t>::adopt(samples, bytes)};
  if (reader.ran_out) return decodeError(format, reader);
  if (format == ImageFormat::kPnm) BEIT_TRY(scalePnm(file, image));
  if (format != ImageFormat::kJpeg) return image;
  return makeUpright(std::move(image), exifOrientation(file));
}

}  // namespace beit
