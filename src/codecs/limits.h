#pragma once

#include <cstdint>
#include <string>

#include "src/base/result.h"
#include "src/image/image.h"

namespace beit::codecs {

// Returns an error for a picture that the core would refuse, too. Asked before memory is taken for its pixels.
inline Status checkLimits(int64_t width, int64_t height) {
  if (width >= 1 && height >= 1 && width <= kMaxImageSide && height <= kMaxImageSide && width * height <= kMaxImagePixels) return {};
  return mismatch(ErrorCode::kBadImage, "image", std::to_string(width) + " x " + std::to_string(height) + " pixels",
                  "1 to " + std::to_string(kMaxImagePixels));
}

}  // namespace beit::codecs
