#include "src/image/image_decode.h"

#include "src/image/bmp_reader.h"
#include "src/image/gif_reader.h"
#include "src/image/image_format.h"
#include "src/image/image_orientation.h"
#include "src/image/jpeg_decoder.h"
#include "src/image/png_reader.h"
#include "src/image/pnm_reader.h"

namespace beit {
namespace {

// A picture's rows as an image.
class ImageSink : public RowSink {
 public:
  Status begin(Size size, int64_t channels) override {
    BEIT_ASSIGN(image, Image8::allocate(size, channels, "the picture of a JPEG"));
    return {};
  }
  uint8_t* row() override { return image.row(next_); }
  void take() override { ++next_; }

  Image8 image;

 private:
  int64_t next_ = 0;
};

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
  ImageSink sink;
  BEIT_TRY(decodeJpeg(file, sink));
  return makeUpright(std::move(sink.image), jpegOrientation(file));
}

}  // namespace beit
