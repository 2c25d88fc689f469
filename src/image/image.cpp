#include "src/image/image.h"

#include <algorithm>

namespace beit {
namespace {

std::string text(Size size, int64_t channels) {
  return std::to_string(size.width) + " x " + std::to_string(size.height) + " pixels of " + std::to_string(channels) + " channels";
}

}  // namespace

Status checkImageSize(Size size, int64_t channels, std::string_view where) {
  const bool fits = size.height >= 1 && size.width >= 1 && channels >= 1 && size.height <= kMaxImageSide && size.width <= kMaxImageSide &&
                    channels <= kMaxImageChannels && size.area() <= kMaxImagePixels;
  if (fits) return {};
  return mismatch(ErrorCode::kInvalidArgument, std::string(where), text(size, channels),
                  "sides of 1 to " + std::to_string(kMaxImageSide) + ", at most " + std::to_string(kMaxImagePixels) + " pixels and 1 to " +
                      std::to_string(kMaxImageChannels) + " channels");
}

Status ImageView8::check(std::string_view where) const {
  BEIT_TRY(checkImageSize(size(), channels, where));
  if (data.size() == static_cast<uint64_t>(size().area() * channels)) return {};
  return mismatch(ErrorCode::kInvalidArgument, std::string(where), std::to_string(data.size()) + " bytes",
                  std::to_string(size().area() * channels) + " for " + text(size(), channels));
}

Result<Image8> Image8::allocate(Size size, int64_t channels, std::string_view purpose) {
  BEIT_TRY(checkImageSize(size, channels, purpose));
  const auto bytes = static_cast<uint64_t>(size.area() * channels);
  if (bytes > PTRDIFF_MAX) {
    Error error = failure(ErrorCode::kOutOfMemory, std::string(purpose), "no memory for " + text(size, channels));
    error.bytes = static_cast<int64_t>(bytes);
    return error;
  }
  Image8 image{size.width, size.height, channels, {}};
  BEIT_ASSIGN(image.data, Buffer<uint8_t>::allocate(bytes, purpose));
  return image;
}

void Image8::fill(std::span<const uint8_t> pixel) {
  if (data.size() < pixel.size()) return;
  std::copy(pixel.begin(), pixel.end(), data.data());
  // What is filled, once more behind itself: a large image takes few copies.
  for (size_t done = pixel.size(); done < data.size();) {
    const size_t count = std::min(done, data.size() - done);
    std::copy_n(data.data(), count, data.data() + done);
    done += count;
  }
}

}  // namespace beit
