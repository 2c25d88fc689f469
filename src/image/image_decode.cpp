#include "src/image/image_decode.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "src/image/bmp_reader.h"
#include "src/image/file_bytes.h"
#include "src/image/gif_reader.h"
#include "src/image/image_format.h"
#include "src/image/image_orientation.h"
#include "src/image/pnm_reader.h"

// Only the formats that have no reader of our own, and no files: a sixth of stb_image.
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
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

  int read(char* to, int size) {
    const size_t count = std::min(static_cast<size_t>(size), file.size() - at);
    if (count == 0) ran_out = true;
    copyBytes(to, file.data() + at, count);
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
  if (reader.ran_out || reason == "outofdata") {
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

}  // namespace

Result<Image8> decodeImage(std::span<const uint8_t> file) {
  BEIT_ASSIGN(const ImageFormat format, recognizeImage(file));
  switch (format) {
    case ImageFormat::kBmp: return readBmp(file);
    case ImageFormat::kGif: return readGif(file);
    case ImageFormat::kPnm: return readPnm(file);
    case ImageFormat::kJpeg:
    case ImageFormat::kPng: break;
  }
  int width = 0, height = 0, channels = 0;
  Reader header{.file = file};
  if (!stbi_info_from_callbacks(&kCallbacks, &header, &width, &height, &channels)) return decodeError(format, header);
  BEIT_TRY(checkPixels(width, height));  // before memory is asked for

  Reader reader{.file = file};
  constexpr int kChannels = 3;
  uint8_t* samples = stbi_load_from_callbacks(&kCallbacks, &reader, &width, &height, &channels, kChannels);
  if (!samples) return decodeError(format, reader);
  const auto bytes = static_cast<size_t>(int64_t{width} * height * kChannels);
  Image8 image{width, height, kChannels, Buffer<uint8_t>::adopt(samples, bytes)};
  if (reader.ran_out) return decodeError(format, reader);
  if (format != ImageFormat::kJpeg) return image;
  return makeUpright(std::move(image), exifOrientation(file));
}

}  // namespace beit
