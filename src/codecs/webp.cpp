#include "src/codecs/webp.h"

#include <cstring>
#include <memory>

#include <webp/decode.h>
#include <webp/demux.h>

#include "src/image/file_bytes.h"
#include "src/image/image_orientation.h"

namespace beit::codecs {
namespace {

struct DeleteDemuxer {
  void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
};

Error damaged() { return failure(ErrorCode::kBadImage, "image", "this WebP is damaged"); }
Error cutOff() { return failure(ErrorCode::kBadImage, "image", "this WebP is cut off"); }

// Whether the file ends before the byte that its own header tells.
bool isCutOff(std::span<const uint8_t> file) {
  const size_t declared = file[4] | size_t{file[5]} << 8 | size_t{file[6]} << 16 | size_t{file[7]} << 24;
  return file.size() - 8 < declared;
}

// Returns the first chunk of that name; empty where there is none.
std::span<const uint8_t> chunk(const WebPDemuxer* demuxer, const char (&name)[5]) {
  WebPChunkIterator iterator;
  std::span<const uint8_t> bytes;
  if (WebPDemuxGetChunk(demuxer, name, 1, &iterator)) bytes = {iterator.chunk.bytes, iterator.chunk.size};
  WebPDemuxReleaseChunkIterator(&iterator);
  return bytes;
}

Status decodeFrame(const WebPIterator& frame, Image8& image) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return failure(ErrorCode::kInternal, "libwebp", "its header and its code are of other versions");
  const int64_t stride = image.width * image.channels;
  const int64_t offset = frame.y_offset * stride + frame.x_offset * image.channels;
  config.output.colorspace = MODE_RGBA;  // RGB alone would need converters of its own
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = image.data.data() + offset;
  config.output.u.RGBA.stride = static_cast<int>(stride);
  config.output.u.RGBA.size = image.data.size() - static_cast<size_t>(offset);
  const VP8StatusCode status = WebPDecode(frame.fragment.bytes, frame.fragment.size, &config);
  WebPFreeDecBuffer(&config.output);
  if (status == VP8_STATUS_OK) return {};
  if (status == VP8_STATUS_OUT_OF_MEMORY) return failure(ErrorCode::kOutOfMemory, "image", "no memory to decode this WebP");
  return status == VP8_STATUS_NOT_ENOUGH_DATA ? cutOff() : damaged();
}

void dropAlpha(Image8& image) {
  const int64_t pixels = image.width * image.height;
  uint8_t* to = image.data.data();
  for (const uint8_t* from = to; from < image.data.data() + 4 * pixels; from += 4, to += 3) {
    to[0] = from[0];
    to[1] = from[1];
    to[2] = from[2];
  }
  image.channels = 3;
  image.data.truncate(static_cast<size_t>(3 * pixels));
}

}  // namespace

Result<Image8> decodeWebp(std::span<const uint8_t> file) {
  if (file.size() < 12 || isCutOff(file)) return cutOff();
  const WebPData data{file.data(), file.size()};
  const std::unique_ptr<WebPDemuxer, DeleteDemuxer> demuxer(WebPDemux(&data));
  if (!demuxer) return damaged();

  const int64_t width = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH);
  const int64_t height = WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT);
  BEIT_TRY(checkPixels(width, height));
  WebPIterator frame;
  const std::unique_ptr<WebPIterator, void (*)(WebPIterator*)> release(&frame, WebPDemuxReleaseIterator);
  if (!WebPDemuxGetFrame(demuxer.get(), 1, &frame)) return damaged();
  if (frame.width < 1 || frame.height < 1 || frame.x_offset < 0 || frame.y_offset < 0 || frame.x_offset > width - frame.width ||
      frame.y_offset > height - frame.height) {
    return damaged();
  }
  BEIT_ASSIGN(Image8 image, Image8::allocate({height, width}, 4, "the samples of a WebP"));
  if (frame.width != width || frame.height != height) std::memset(image.data.data(), 0, image.data.size());
  BEIT_TRY(decodeFrame(frame, image));
  dropAlpha(image);
  return makeUpright(std::move(image), orientationOf(chunk(demuxer.get(), "EXIF"), chunk(demuxer.get(), "XMP ")));
}

}  // namespace beit::codecs
