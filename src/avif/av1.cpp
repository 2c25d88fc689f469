#include "src/avif/av1.h"

#include <cerrno>
#include <cstring>
#include <memory>

#include <dav1d/dav1d.h>

#include "src/image/file_bytes.h"

namespace beit::avif {
namespace {

struct Close {
  void operator()(Dav1dContext* context) const { dav1d_close(&context); }
};

struct Picture : Dav1dPicture {
  Picture() : Dav1dPicture{} {}
  ~Picture() { dav1d_picture_unref(this); }
  Picture(const Picture&) = delete;
  Picture& operator=(const Picture&) = delete;
};

// As many as dav1d takes where addresses have 32 bits; the same everywhere.
constexpr int64_t kMostPixels = int64_t{1} << 26;

Error refusal(int error) {
  if (error == DAV1D_ERR(ENOMEM)) return failure(ErrorCode::kOutOfMemory, "image", "no memory to decode this AVIF");
  if (error == DAV1D_ERR(ERANGE))
    return failure(ErrorCode::kBadImage, "image", "this AVIF, or a cell of its grid, has more pixels than " + std::to_string(kMostPixels));
  return failure(ErrorCode::kBadImage, "image", "this AVIF is damaged (dav1d's error " + std::to_string(-error) + ")");
}

void copyPlane(const Dav1dPicture& picture, int plane, Planes& to) {
  const Size size = to.sizeOf(plane);
  const auto* from = static_cast<const uint8_t*>(picture.data[plane]);
  uint16_t* out = to.samples[static_cast<size_t>(plane)].data();
  for (int64_t y = 0; y < size.height; ++y, from += picture.stride[plane > 0], out += size.width) {
    if (to.depth == 8) std::copy_n(from, size.width, out);
    else std::memcpy(out, from, static_cast<size_t>(size.width) * sizeof(uint16_t));
  }
}

}  // namespace

Result<Planes> decodeAv1(std::span<const uint8_t> data) {
  Dav1dSettings settings;
  dav1d_default_settings(&settings);
  settings.n_threads = 1;
  settings.max_frame_delay = 1;
  settings.all_layers = 0;
  settings.frame_size_limit = static_cast<unsigned>(kMostPixels);
  settings.logger = {nullptr, nullptr};
  Dav1dContext* opened = nullptr;
  if (const int error = dav1d_open(&opened, &settings); error < 0) return refusal(error);
  const std::unique_ptr<Dav1dContext, Close> context(opened);

  Dav1dData input{};
  // The bytes stay the caller's, who keeps them as long as the context lives.
  if (const int error = dav1d_data_wrap(
          &input, data.data(), data.size(), [](const uint8_t*, void*) {}, nullptr);
      error < 0) {
    return refusal(error);
  }
  Picture picture;
  int error = DAV1D_ERR(EAGAIN);
  while (error == DAV1D_ERR(EAGAIN)) {
    if (input.sz > 0) {
      const int sent = dav1d_send_data(context.get(), &input);
      if (sent < 0 && sent != DAV1D_ERR(EAGAIN)) {
        dav1d_data_unref(&input);
        return refusal(sent);
      }
    }
    error = dav1d_get_picture(context.get(), &picture);
    if (error == DAV1D_ERR(EAGAIN) && input.sz == 0) {  // it waits for more
      error = dav1d_get_picture(context.get(), &picture);
      break;
    }
  }
  dav1d_data_unref(&input);
  if (error == DAV1D_ERR(EAGAIN)) return failure(ErrorCode::kBadImage, "image", "this AVIF has no picture in its AV1 data");
  if (error < 0) return refusal(error);
  BEIT_TRY(checkPixels(picture.p.w, picture.p.h));

  Planes planes;
  planes.size = {picture.p.h, picture.p.w};
  planes.depth = picture.p.bpc;
  planes.has_chroma = picture.p.layout != DAV1D_PIXEL_LAYOUT_I400;
  planes.right = picture.p.layout == DAV1D_PIXEL_LAYOUT_I420 || picture.p.layout == DAV1D_PIXEL_LAYOUT_I422;
  planes.down = picture.p.layout == DAV1D_PIXEL_LAYOUT_I420;
  planes.colours = {static_cast<int>(picture.seq_hdr->mtrx), picture.seq_hdr->color_range != 0};
  BEIT_TRY(planes.allocate());
  for (int plane = 0; plane < (planes.has_chroma ? 3 : 1); ++plane) copyPlane(picture, plane, planes);
  return planes;
}

}  // namespace beit::avif
