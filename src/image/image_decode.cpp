#include "src/image/image_decode.h"

#include "src/image/bmp_reader.h"
#include "src/image/gif_reader.h"
#include "src/image/image_format.h"
#include "src/image/image_orientation.h"
#include "src/image/png_reader.h"
#include "src/image/pnm_reader.h"
#include "src/image/stb_decoder.h"

namespace beit {
namespace {

// Components of a JPEG by its frame header; 0 where that is not found at once, as it should be.
int jpegComponents(std::span<const uint8_t> jpeg) {
  for (size_t at = 2; at + 10 <= jpeg.size() && jpeg[at] == 0xFF;) {
    const uint8_t marker = jpeg[at + 1];
    const bool is_frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (is_frame) return jpeg[at + 9];
    at += size_t{2} + (size_t{jpeg[at + 2]} << 8 | jpeg[at + 3]);
  }
  return 0;
}

}  // namespace

Result<Image8> decodeImage(std::span<const uint8_t> file) {
  BEIT_ASSIGN(const ImageFormat format, recognizeImage(file));
  switch (format) {
    case ImageFormat::kBmp: return readBmp(file);
    case ImageFormat::kGif: return readGif(file);
    case ImageFormat::kPnm: return readPnm(file);
    case ImageFormat::kPng: return readPng(file);
    case ImageFormat::kJpeg: break;
  }
  // The decoder's RGB of four colours is not Pillow's: src/codecs does those.
  if (jpegComponents(file) == 4) return mismatch(ErrorCode::kUnsupported, "image", "JPEG of four colours (CMYK)", "one of one or three");
  const std::span<const uint8_t> pieces[] = {file};
  BEIT_ASSIGN(Image8 image, decodeWithStb(format, pieces));
  return makeUpright(std::move(image), jpegOrientation(file));
}

}  // namespace beit
