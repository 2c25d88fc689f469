#include "src/image/image_decode.h"

#include "src/image/bmp_reader.h"
#include "src/image/gif_reader.h"
#include "src/image/image_format.h"
#include "src/image/image_orientation.h"
#include "src/image/jpeg_segments.h"
#include "src/image/png_reader.h"
#include "src/image/pnm_reader.h"
#include "src/image/stb_decoder.h"

namespace beit {
namespace {

// Which JPEGs src/codecs decodes as Pillow does and stb_image does not; nothing where the other one serves.
const char* odd(std::span<const uint8_t> jpeg) {
  JpegSegments segments(jpeg);
  while (const auto segment = segments.next()) {
    if (!segment->isFrame() || segment->body.size() < 6) continue;
    const int width = segment->body[3] << 8 | segment->body[4], components = segment->body[5];
    if (components == 4) return "JPEG of four colours (CMYK)";
    if (components == 3 && width <= 4) return "JPEG of four columns or fewer";  // whose colours libjpeg does not smooth
    break;
  }
  return nullptr;
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
  if (const char* kind = odd(file)) return mismatch(ErrorCode::kUnsupported, "image", kind, "another JPEG");
  const std::span<const uint8_t> pieces[] = {file};
  BEIT_ASSIGN(Image8 image, decodeWithStb(format, pieces));
  return makeUpright(std::move(image), jpegOrientation(file));
}

}  // namespace beit
