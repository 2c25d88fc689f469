#include "src/image/image_resize.h"

#include <algorithm>
#include <cstring>

namespace beit {
namespace {

typedef uint8_t U8x4 __attribute__((vector_size(4)));
typedef int32_t I32x4 __attribute__((vector_size(16)));

constexpr int32_t kHalf = 1 << (kResampleFractionBits - 1);

uint8_t clip8(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kResampleFractionBits, 0, 255)); }

// One output row from one input row. 3 and 4 channels: a pixel's samples in the lanes of a vector.
// With 3 channels the byte behind a pixel is read too (and not used).
template <int kChannels>
void horizontalRow(const uint8_t* in, const ResampleWeights& windows, uint8_t* out) {
  static_assert(kChannels == 3 || kChannels == 4);
  for (int64_t x = 0; x < windows.size(); ++x, out += kChannels) {
    const ResampleTaps window = windows[x];
    const uint8_t* pixel = in + window.first * kChannels;
    I32x4 sum{kHalf, kHalf, kHalf, kHalf};
    for (int64_t k = 0; k < window.count; ++k, pixel += kChannels) {
      U8x4 samples;
      std::memcpy(&samples, pixel, sizeof samples);
      sum += __builtin_convertvector(samples, I32x4) * window.weights[k];
    }
    for (int c = 0; c < kChannels; ++c) out[c] = clip8(sum[c]);
  }
}

void horizontalRowAny(const uint8_t* in, int64_t channels, const ResampleWeights& windows, uint8_t* out) {
  for (int64_t x = 0; x < windows.size(); ++x, out += channels) {
    const ResampleTaps window = windows[x];
    const uint8_t* first = in + window.first * channels;
    for (int64_t c = 0; c < channels; ++c) {
      int32_t sum = kHalf;
      for (int64_t k = 0; k < window.count; ++k) sum += first[k * channels + c] * window.weights[k];
      out[c] = clip8(sum);
    }
  }
}

// Resizes the width of the rows [first, last) of `image`.
Result<Image8> horizontal(const ImageView8& image, int64_t first, int64_t last, int64_t width, Resample filter) {
  BEIT_ASSIGN(const ResampleWeights windows, ResampleWeights::make(image.width, width, filter));
  BEIT_ASSIGN(Image8 out, Image8::allocate({last - first, width}, image.channels, "a resized image"));
  const auto row_bytes = static_cast<size_t>(image.width * image.channels);
  for (int64_t y = first; y < last; ++y) {
    const uint8_t* in = image.row(y);
    uint8_t* to = out.row(y - first);
    if (image.channels == 4) {
      horizontalRow<4>(in, windows, to);
    } else if (image.channels == 3 && y + 1 < image.height) {
      horizontalRow<3>(in, windows, to);
    } else if (image.channels == 3) {
      // The last row has no byte behind its last pixel: a copy that has.
      BEIT_ASSIGN(Buffer<uint8_t> padded, Buffer<uint8_t>::allocate(row_bytes + 1, "a row"));
      std::memcpy(padded.data(), in, row_bytes);
      padded[row_bytes] = 0;
      horizontalRow<3>(padded.data(), windows, to);
    } else {
      horizontalRowAny(in, image.channels, windows, to);
    }
  }
  return out;
}

// Resizes the height. `image` is a window of rows, the first of which is row `offset` of the whole.
Result<Image8> vertical(const ImageView8& image, int64_t offset, const ResampleWeights& windows) {
  BEIT_ASSIGN(Image8 out, Image8::allocate({windows.size(), image.width}, image.channels, "a resized image"));
  const int64_t row = image.width * image.channels;
  constexpr int64_t kBlock = 512;  // sums that stay in the first-level cache
  int32_t sums[kBlock];
  for (int64_t y = 0; y < windows.size(); ++y) {
    const ResampleTaps window = windows[y];
    for (int64_t start = 0; start < row; start += kBlock) {
      const int64_t count = std::min(kBlock, row - start);
      std::fill_n(sums, count, kHalf);
      const uint8_t* in = image.row(window.first - offset) + start;
      for (int64_t k = 0; k < window.count; ++k, in += row) {
        const int32_t weight = window.weights[k];
        for (int64_t i = 0; i < count; ++i) sums[i] += in[i] * weight;
      }
      uint8_t* to = out.row(y) + start;
      for (int64_t i = 0; i < count; ++i) to[i] = clip8(sums[i]);
    }
  }
  return out;
}

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

// Since each pass rounds, the order of the two shows in the result. Pillow 13 takes the height first
// where that pass drops more than twice as many rows as the other drops columns; found by comparing
// its results with both orders.
bool heightFirst(Size from, Size to) { return from.height > to.height && from.height - to.height > 2 * (from.width - to.width); }

}  // namespace

Result<Image8> resizeImage(const ImageView8& image, Size size, Resample filter) {
  BEIT_TRY(image.check("image to resize"));
  if (image.size() == size) return copy(image);
  BEIT_TRY(checkImageSize(size, image.channels, "size to resize to"));
  if (filter == Resample::kNearest) return nearest(image, size);
  if (image.height == size.height) return horizontal(image, 0, image.height, size.width, filter);

  BEIT_ASSIGN(const ResampleWeights windows, ResampleWeights::make(image.height, size.height, filter));
  if (image.width == size.width) return vertical(image, 0, windows);
  if (heightFirst(image.size(), size)) {
    BEIT_ASSIGN(const Image8 low, vertical(image, 0, windows));
    return horizontal(low, 0, low.height, size.width, filter);
  }
  // Only the rows that the height needs.
  const ResampleTaps last = windows[size.height - 1];
  const int64_t first = windows[0].first;
  BEIT_ASSIGN(const Image8 narrow, horizontal(image, first, last.first + last.count, size.width, filter));
  return vertical(narrow, first, windows);
}

}  // namespace beit
