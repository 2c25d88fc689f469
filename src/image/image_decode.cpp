#include "src/image/image_decode.h"

#include "src/image/bmp_reader.h"
#include "src/image/gif_reader.h"
#include "src/image/image_format.h"
#include "src/image/image_orientation.h"
#include "src/image/png_reader.h"
#include "src/image/pnm_reader.h"
#include "src/image/stb_decoder.h"

namespace beit {

Result<Image8> decodeImage(std::span<const uint8_t> file) {
  BEIT_ASSIGN(const ImageFormat format, recognizeImage(file));
  switch (format) {
    case ImageFormat::kBmp: return readBmp(file);
    case ImageFormat::kGif: return readGif(file);
    case ImageFormat::kPnm: return readPnm(file);
    case ImageFormat::kPng: return readPng(file);
    case ImageFormat::kJpeg: break;
  }
  const std::span<const uint8_t> pieces[] = {file};
  BEIT_ASSIGN(Image8 image, decodeWithStb(format, pieces));
  return makeUpright(std::move(image), jpegOrientation(file));
}

}  // namespace beit
