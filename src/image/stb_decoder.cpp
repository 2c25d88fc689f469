#include "src/image/stb_decoder.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "src/image/file_bytes.h"

// Only the formats that have no reader of our own, and no files: an eighth of stb_image.
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_MAX_DIMENSIONS (1 << 20)  // kMaxImageSide
// It copies no bytes to a null pointer where a PNG has an empty IDAT, which memcpy forbids.
static void* copyBytes(void* to, const void* from, size_t count) { return count ? std::memcpy(to, from, count) : to; }
#define memcpy copyBytes
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"  // of a static library not all is called
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // of the colour that is transparent, which is read where there is one
#endif
#include <stb_image.h>
#pragma GCC diagnostic pop
#undef memcpy

namespace beit {
namespace {

static_assert(STBI_MAX_DIMENSIONS == kMaxImageSide);

// The decoder reads through this rather than from memory: a file may come in pieces, and asked for
// bytes that are not there, the decoder goes on with zeros: only who gives the bytes can tell that a
// file is cut off.
struct Reader {
  std::span<const std::span<const uint8_t>> pieces;
  size_t at = 0;  // in the first of them
  bool ran_out = false;

  // Hands out up to `size` bytes, or passes over them where there is no `to`.
  size_t take(char* to, size_t size) {
    size_t taken = 0;
    while (taken < size && !pieces.empty()) {
      const auto left = pieces[0].subspan(at);
      const size_t count = std::min(size - taken, left.size());
      if (to) copyBytes(to + taken, left.data(), count);
      taken += count;
      at += count;
      if (at < pieces[0].size()) break;
      pieces = pieces.subspan(1);
      at = 0;
    }
    return taken;
  }

  int read(char* to, int size) {
    const size_t count = take(to, static_cast<size_t>(size));
    if (count == 0) ran_out = true;
    return static_cast<int>(count);
  }

  void skip(int size) {
    const auto distance = static_cast<size_t>(std::max(size, 0));
    if (take(nullptr, distance) < distance) ran_out = true;
  }
};

const stbi_io_callbacks kCallbacks{[](void* reader, char* to, int size) { return static_cast<Reader*>(reader)->read(to, size); },
                                   [](void* reader, int size) { static_cast<Reader*>(reader)->skip(size); },
                                   [](void* reader) { return static_cast<Reader*>(reader)->pieces.empty() ? 1 : 0; }};

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

// Grey of 16 bits: Pillow keeps its values, and its convert("RGB") cuts off what is above 255.
Result<Image8> decodeGrey16(ImageFormat format, std::span<const std::span<const uint8_t>> pieces) {
  int width = 0, height = 0, channels = 0;
  Reader reader{.pieces = pieces};
  uint16_t* samples = stbi_load_16_from_callbacks(&kCallbacks, &reader, &width, &height, &channels, 1);
  if (!samples) return decodeError(format, reader);
  const auto count = static_cast<size_t>(int64_t{width} * height);
  const auto greys = Buffer<uint16_t>::adopt(samples, count);
  if (reader.ran_out) return decodeError(format, reader);
  BEIT_ASSIGN(Image8 image, Image8::allocate({height, width}, 3, "the picture of a PNG"));
  uint8_t* to = image.data.data();
  for (size_t i = 0; i < count; ++i, to += 3) std::memset(to, std::min<int>(samples[i], 255), 3);
  return image;
}

}  // namespace

Result<Image8> decodeWithStb(ImageFormat format, std::span<const std::span<const uint8_t>> pieces) {
  int width = 0, height = 0, channels = 0;
  Reader header{.pieces = pieces};
  if (!stbi_info_from_callbacks(&kCallbacks, &header, &width, &height, &channels)) return decodeError(format, header);
  BEIT_TRY(checkPixels(width, height));  // before memory is asked for
  Reader depth{.pieces = pieces};
  if (channels == 1 && stbi_is_16_bit_from_callbacks(&kCallbacks, &depth)) return decodeGrey16(format, pieces);

  Reader reader{.pieces = pieces};
  constexpr int kChannels = 3;
  uint8_t* samples = stbi_load_from_callbacks(&kCallbacks, &reader, &width, &height, &channels, kChannels);
  if (!samples) return decodeError(format, reader);
  const auto bytes = static_cast<size_t>(int64_t{width} * height * kChannels);
  Image8 image{width, height, kChannels, Buffer<uint8_t>::adopt(samples, bytes)};
  if (reader.ran_out) return decodeError(format, reader);
  return image;
}

std::optional<size_t> inflate(std::span<const uint8_t> zlib, std::span<uint8_t> out, bool* has_more) {
  if (zlib.size() > INT32_MAX || out.size() > INT32_MAX) return std::nullopt;
  const int size = stbi_zlib_decode_buffer(reinterpret_cast<char*>(out.data()), static_cast<int>(out.size()),
                                           reinterpret_cast<const char*>(zlib.data()), static_cast<int>(zlib.size()));
  if (has_more) *has_more = size < 0 && stbi_failure_reason() == std::string_view("output buffer limit");
  if (size < 0) return std::nullopt;
  return static_cast<size_t>(size);
}

}  // namespace beit
