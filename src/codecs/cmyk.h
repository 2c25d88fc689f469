#pragma once

#include <cstdint>

namespace beit::codecs {

// Converts a row of four inks, each inverted: 255 is none of it.
// Reference: Pillow libImaging/Convert.c cmyk2rgb.
inline void invertedCmykToRgb(const uint8_t* cmyk, uint8_t* rgb, int64_t width) {
  for (int64_t x = 0; x < width; ++x, cmyk += 4, rgb += 3) {
    const int white = cmyk[3];
    for (int c = 0; c < 3; ++c) {
      const int product = (255 - cmyk[c]) * white + 128;
      rgb[c] = static_cast<uint8_t>(white - (((product >> 8) + product) >> 8));
    }
  }
}

}  // namespace beit::codecs
