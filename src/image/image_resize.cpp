#include "src/image/image_resize.h"

#include <cstring>

#include "src/image/row_resizer.h"

namespace beit {
namespace {

Result<Image8> copy(const ImageView8& image) {
  BEIT_ASSIGN(Image8 out, Image8::allocate(image.size(), image.channels, "a copied image"));
  std::memcpy(out.data.data(), image.data.data(), image.data.size());
  return out;
}

// Fills `from` with the input position of each output position, -1 for none: rounding errors add up
// in the reference's running sum, and so they must here (ImagingScaleAffine).
void nearestPositions(int64_t in, Buffer<int64_t>& from) {
  const double step = static_cast<double>(in) / static_cast<double>(from.size());
  double at = step * 0.5;
  for (int64_t& position : from) {
    const auto whole = static_cast<int64_t>(at);
    position = whole < in ? whole : -1;
    at += step;
  }
}

Result<Image8> nearest(const ImageView8& image, Size size) {
  BEIT_ASSIGN(Buffer<int64_t> columns, Buffer<int64_t>::allocate(size.width, "resize positions"));
  BEIT_ASSIGN(Buffer<int64_t> rows, Buffer<int64_t>::allocate(size.height, "resize positions"));
  nearestPositions(image.width, columns);
  nearestPositions(image.height, rows);
  BEIT_ASSIGN(Image8 out, Image8::allocate(size, image.channels, "a resized image"));
  const auto pixel = static_cast<size_t>(image.channels);
  uint8_t* to = out.data.data();
  for (const int64_t y : rows) {
    for (const int64_t x : columns) {
      if (y < 0 || x < 0) {
        std::memset(to, 0, pixel);
      } else {
        std::memcpy(to, image.row(y) + x * image.channels, pixel);
      }
      to += pixel;
    }
  }
  return out;
}

}  // namespace

Result<Image8> resizeImage(const ImageView8& image, Size size, Resample filter) {
  BEIT_TRY(image.check("image to resize"));
  if (image.size() == size) return copy(image);
  BEIT_TRY(checkImageSize(size, image.channels, "size to resize to"));
  if (filter == Resample::kNearest) return nearest(image, size);
  BEIT_ASSIGN(RowResizer resizer, RowResizer::make(image.size(), image.channels, size, filter));
  const int64_t row_bytes = image.width * image.channels;
  const uint8_t* end = image.row(image.height);
  for (int64_t y = 0; y < image.height; ++y) {
    const uint8_t* row = image.row(y);
    if (end - row < row_bytes + RowResizer::kBytesBehind) {
      std::memcpy(resizer.row(), row, static_cast<size_t>(row_bytes));
      row = resizer.row();
    }
    resizer.take(row);
  }
  return resizer.finish();
}

}  // namespace beit
