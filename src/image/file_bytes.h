// The bytes of an image file, as its readers take them: one after another, never beyond the end.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "src/base/result.h"
#include "src/image/image.h"
#include "src/image/image_format.h"

namespace beit {

class FileBytes {
 public:
  explicit FileBytes(std::span<const uint8_t> file, size_t at = 0) : file_(file), at_(std::min(at, file.size())) {}

  size_t at() const { return at_; }
  size_t left() const { return file_.size() - at_; }

  // The next byte, or nothing at the end.
  std::optional<uint8_t> next() {
    if (at_ == file_.size()) return std::nullopt;
    return file_[at_++];
  }

  // The next `count` bytes, or as many as there are.
  std::span<const uint8_t> take(int64_t count) {
    const auto size = static_cast<size_t>(std::clamp<int64_t>(count, 0, static_cast<int64_t>(left())));
    at_ += size;
    return file_.subspan(at_ - size, size);
  }

 private:
  std::span<const uint8_t> file_;
  size_t at_;
};

inline uint32_t littleEndian16(std::span<const uint8_t> bytes, size_t at) { return bytes[at] | static_cast<uint32_t>(bytes[at + 1]) << 8; }
inline uint32_t littleEndian32(std::span<const uint8_t> bytes, size_t at) {
  return littleEndian16(bytes, at) | littleEndian16(bytes, at + 2) << 16;
}

inline Error cutOff(ImageFormat format) {
  return failure(ErrorCode::kBadImage, "image", "this " + std::string(toString(format)) + " is cut off");
}

inline Error notDecodable(ImageFormat format, const std::string& reason) {
  return failure(ErrorCode::kBadImage, "image", "this " + std::string(toString(format)) + " cannot be decoded (" + reason + ")");
}

// Returns an error unless a file may have a picture of that size. Asked before memory is taken for its pixels.
inline Status checkPixels(int64_t width, int64_t height) {
  const bool is_side = width >= 1 && height >= 1 && width <= kMaxImageSide && height <= kMaxImageSide;
  if (is_side && width * height <= kMaxImagePixels) return {};
  return mismatch(ErrorCode::kBadImage, "image", std::to_string(width) + " x " + std::to_string(height) + " pixels",
                  "1 to " + std::to_string(kMaxImagePixels) + ", at most " + std::to_string(kMaxImageSide) + " a side");
}

}  // namespace beit
