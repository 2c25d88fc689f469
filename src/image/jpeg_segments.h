// The segments of a JPEG up to its first scan, and what a file is held to before and while it is decoded.
// Reference: ITU-T T.81, B.1.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "src/base/result.h"

namespace beit {

struct JpegSegment {
  uint8_t marker = 0;
  std::span<const uint8_t> body;

  // Whether it tells size and colours.
  bool isFrame() const { return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC; }
};

// Whether a file has the bytes that so many pixels take at the very least: a bit for each 8 x 8 of them, but with arithmetic coding.
// So a few bytes with large sides take neither memory nor time.
inline bool mayHoldJpeg(int64_t width, int64_t height, size_t bytes) { return width * height / (64 * 8) <= static_cast<int64_t>(bytes); }

// Each scan goes over the whole picture, so a file of a few kilobytes that has thousands would take hours. Encoders write a dozen;
// libjpeg-turbo's own fuzzing stops at the same number.
constexpr int kMostJpegScans = 500;
inline Error tooManyScans() {
  const std::string most = std::to_string(kMostJpegScans);
  return mismatch(ErrorCode::kBadImage, "image", "a JPEG of more than " + most + " scans", most + " at most");
}

class JpegSegments {
 public:
  explicit JpegSegments(std::span<const uint8_t> jpeg) : jpeg_(jpeg) {}

  // Returns the next segment, or nothing at the scan, at the end, and where there is none, as it should be.
  std::optional<JpegSegment> next() {
    constexpr uint8_t kStartOfScan = 0xDA, kEnd = 0xD9;
    while (at_ + 1 < jpeg_.size() && jpeg_[at_] == 0xFF && jpeg_[at_ + 1] == 0xFF) ++at_;  // any number of them lead a marker
    if (at_ + 4 > jpeg_.size() || jpeg_[at_] != 0xFF) return std::nullopt;
    const uint8_t marker = jpeg_[at_ + 1];
    const size_t length = size_t{jpeg_[at_ + 2]} << 8 | jpeg_[at_ + 3];  // which counts its own two bytes
    if (marker == 0 || marker == kStartOfScan || marker == kEnd || length < 2 || length - 2 > jpeg_.size() - at_ - 4) return std::nullopt;
    const JpegSegment segment{marker, jpeg_.subspan(at_ + 4, length - 2)};
    at_ += 2 + length;
    return segment;
  }

 private:
  std::span<const uint8_t> jpeg_;
  size_t at_ = 2;  // behind the marker that starts the file
};

}  // namespace beit
