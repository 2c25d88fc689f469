#include "src/avif/planes.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace beit::avif {
namespace {

// Of H.273. Neither identity nor YCgCo has weights.
enum Matrix { kIdentity = 0, kBt709 = 1, kUnspecified = 2, kFcc = 4, kBt470 = 5, kBt601 = 6, kSmpte240 = 7, kYCgCo = 8, kBt2020 = 9 };

// libyuv's constants: what luma is multiplied by and what is added, and for chroma so many 64ths.
struct Fixed {
  int y_gain, y_bias, u_blue, u_green, v_green, v_red;
};

const Fixed* fixedOf(const Colours& colours) {
  static constexpr Fixed kI601{18997, -1160, 128, 25, 52, 102}, kJpeg{16320, 32, 113, 22, 46, 90};
  static constexpr Fixed kH709{18997, -1160, 128, 14, 34, 115}, kF709{16320, 32, 119, 12, 30, 101};
  static constexpr Fixed k2020{19003, -1160, 128, 12, 42, 107}, kV2020{16320, 32, 120, 11, 37, 94};
  switch (colours.matrix) {
    case kBt709: return colours.full_range ? &kF709 : &kH709;
    case kUnspecified:
    case kBt470:
    case kBt601: return colours.full_range ? &kJpeg : &kI601;
    case kBt2020: return colours.full_range ? &kV2020 : &k2020;
    default: return nullptr;
  }
}

uint8_t clamped(int value) { return static_cast<uint8_t>(std::clamp(value, 0, 255)); }

// libyuv's YuvPixel.
void fixedRow(const Fixed& fixed, const uint16_t* y, const uint16_t* u, const uint16_t* v, int64_t width, int shift, uint8_t* to) {
  for (int64_t x = 0; x < width; ++x, to += 3) {
    const auto luma = static_cast<uint32_t>(y[x] >> shift) * 0x0101;
    const int level = static_cast<int>(luma * static_cast<uint32_t>(fixed.y_gain) >> 16) + fixed.y_bias;
    const int blue = u[x] - 128, red = v[x] - 128;
    to[0] = clamped((level + red * fixed.v_red) >> 6);
    to[1] = clamped((level - (blue * fixed.u_green + red * fixed.v_green)) >> 6);
    to[2] = clamped((level + blue * fixed.u_blue) >> 6);
  }
}

// What luma and chroma are in floats: luma from 0 to 1, chroma around 0.
struct Levels {
  float y_bias, y_range, uv_bias, uv_range;

  Levels(int depth, bool full_range, bool is_identity) {
    const auto scale = static_cast<float>(1 << (depth - 8)), most = static_cast<float>((1 << depth) - 1);
    y_bias = full_range ? 0 : 16 * scale;
    y_range = full_range ? most : 219 * scale;
    uv_bias = is_identity ? y_bias : static_cast<float>(1 << (depth - 1));
    uv_range = full_range ? most : is_identity ? y_range : 224 * scale;
  }
  float luma(uint16_t sample) const { return (static_cast<float>(sample) - y_bias) / y_range; }
  float chroma(uint16_t sample) const { return (static_cast<float>(sample) - uv_bias) / uv_range; }
};

uint8_t byteOf(float level) { return static_cast<uint8_t>(0.5f + std::clamp(level, 0.0f, 1.0f) * 255.0f); }

struct Weights {
  float red, blue;  // of luma
};

std::optional<Weights> weightsOf(int matrix) {
  switch (matrix) {
    case kFcc: return Weights{0.30f, 0.11f};
    case kSmpte240: return Weights{0.212f, 0.087f};
    default: return std::nullopt;
  }
}

void floatRow(const Levels& levels, int matrix, const uint16_t* y, const uint16_t* u, const uint16_t* v, int64_t width, uint8_t* to) {
  const auto weights = weightsOf(matrix);
  for (int64_t x = 0; x < width; ++x, to += 3) {
    const float luma = levels.luma(y[x]), blue = levels.chroma(u[x]), red = levels.chroma(v[x]);
    float r = red, g = luma, b = blue;  // identity: green, blue, red
    if (matrix == kYCgCo) {
      const float t = luma - blue;
      g = luma + blue;
      b = t - red;
      r = t + red;
    } else if (weights) {
      const float green = 1 - weights->red - weights->blue;
      r = luma + 2 * (1 - weights->red) * red;
      b = luma + 2 * (1 - weights->blue) * blue;
      g = luma - 2 * (weights->red * (1 - weights->red) * red + weights->blue * (1 - weights->blue) * blue) / green;
    }
    to[0] = byteOf(r);
    to[1] = byteOf(g);
    to[2] = byteOf(b);
  }
}

// Chroma at each pixel of a row, as libyuv interpolates it: 3 to 1 between neighbours, in both directions.
class ChromaRow {
 public:
  ChromaRow(const Planes& planes, int plane, int shift)
      : planes_(planes), plane_(plane), shift_(shift), size_(planes.sizeOf(plane)), row_(static_cast<size_t>(planes.size.width)) {}

  const uint16_t* at(int64_t y) {
    int64_t near = y, far = y;
    if (planes_.down) {
      near = y / 2;
      far = std::clamp<int64_t>(y % 2 ? near + 1 : near - 1, 0, size_.height - 1);
      // The last row of a picture with an even number of them stands alone, like the first one.
    }
    const uint16_t* a = rowOf(near);
    const uint16_t* b = rowOf(far);
    const int64_t width = planes_.size.width;
    if (!planes_.right) {
      for (int64_t x = 0; x < width; ++x) row_[static_cast<size_t>(x)] = sample(a, x);
      return row_.data();
    }
    for (int64_t x = 0; x < width; ++x) {
      const int64_t close = x / 2;
      const bool is_edge = x == 0 || x == width - 1;
      const int64_t other = is_edge ? close : x % 2 ? close + 1 : close - 1;
      const int upper = 3 * sample(a, close) + sample(a, other);
      int value;
      if (near == far) {
        value = (upper + 2) >> 2;
      } else if (is_edge) {
        value = (3 * sample(a, close) + sample(b, close) + 2) >> 2;
      } else {
        value = (3 * upper + 3 * sample(b, close) + sample(b, other) + 8) >> 4;
      }
      row_[static_cast<size_t>(x)] = static_cast<uint16_t>(value);
    }
    return row_.data();
  }

 private:
  const uint16_t* rowOf(int64_t y) const { return planes_.samples[static_cast<size_t>(plane_)].data() + y * size_.width; }
  uint16_t sample(const uint16_t* row, int64_t x) const { return static_cast<uint16_t>(row[x] >> shift_); }

  const Planes& planes_;
  int plane_, shift_;
  Size size_;
  std::vector<uint16_t> row_;
};

}  // namespace

Status Planes::allocate() {
  for (int plane = 0; plane < (has_chroma ? 3 : 1); ++plane) {
    BEIT_ASSIGN(samples[static_cast<size_t>(plane)], Buffer<uint16_t>::allocate(sizeOf(plane).area(), "the planes of an AVIF"));
  }
  return {};
}

Result<Image8> toRgb(const Planes& planes) {
  const int matrix = planes.colours.matrix;
  const bool is_identity = matrix == kIdentity;
  const Fixed* fixed = planes.has_chroma ? fixedOf(planes.colours) : nullptr;
  if (planes.has_chroma && !fixed && !is_identity && matrix != kYCgCo && !weightsOf(matrix)) {
    return mismatch(ErrorCode::kUnsupported, "image", "an AVIF whose matrix of colours is " + std::to_string(matrix) + " (H.273)",
                    "BT.601, BT.709, BT.2020 or RGB");
  }
  BEIT_ASSIGN(Image8 image, Image8::allocate(planes.size, 3, "the picture of an AVIF"));
  const Levels levels(planes.depth, planes.colours.full_range, is_identity);
  const int shift = planes.depth - 8;  // libavif has libyuv cut samples down to 8 bits first
  const uint16_t* y = planes.samples[0].data();
  if (!planes.has_chroma) {
    for (int64_t i = 0; i < planes.size.area(); ++i) std::fill_n(image.data.data() + 3 * i, 3, byteOf(levels.luma(y[i])));
    return image;
  }
  ChromaRow blue(planes, 1, fixed ? shift : 0), red(planes, 2, fixed ? shift : 0);
  for (int64_t row = 0; row < planes.size.height; ++row, y += planes.size.width) {
    const uint16_t* u = blue.at(row);
    const uint16_t* v = red.at(row);
    if (fixed) fixedRow(*fixed, y, u, v, planes.size.width, shift, image.row(row));
    else floatRow(levels, matrix, y, u, v, planes.size.width, image.row(row));
  }
  return image;
}

}  // namespace beit::avif
