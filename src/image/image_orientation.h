// Which way up a photo is: cameras store it as their sensor has it, and tell how to turn it.
// Reference: Pillow ImageOps.exif_transpose, which transformers' load_image calls.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/base/result.h"
#include "src/image/image.h"

namespace beit {

// Returns the orientation that EXIF's bytes tell, or where they have none that of XMP's text: 1 to 8, and 1 (upright)
// where neither has one, or one that is no orientation. Reads nothing outside of them, whatever they hold.
// Reference: Pillow Image.getexif.
int orientationOf(std::span<const uint8_t> exif, std::span<const uint8_t> xmp);

// The orientation that the segments APP1 of a JPEG tell.
class JpegOrientation {
 public:
  static constexpr uint8_t kApp1 = 0xE1;

  // Takes a segment's bytes behind its length, which stay where they are until value() has been asked.
  void addApp1(std::span<const uint8_t> body);
  // Returns orientationOf() the EXIF of all segments, since one has room for 64 KB, and the last one's XMP.
  int value() const { return orientationOf(exif_, xmp_); }

 private:
  std::vector<uint8_t> exif_;
  std::span<const uint8_t> xmp_;
};

// Returns the orientation that a JPEG file tells.
int jpegOrientation(std::span<const uint8_t> jpeg);

// Returns `image` turned and mirrored such that it is upright; `image` itself for orientation 1.
// Fails with kOutOfMemory.
Result<Image8> makeUpright(Image8 image, int orientation);

}  // namespace beit
