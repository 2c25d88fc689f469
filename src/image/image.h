// Images of 8-bit samples, as they are before the model's floats: interleaved (height, width,
// channels), rows from the top.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "src/base/buffer.h"
#include "src/base/result.h"
#include "src/base/size.h"

namespace beit {

// A side and a whole image that are larger are refused. 2^28 pixels is more than any camera gives
// (268 megapixels: 805 MB as RGB), and every product of the two stays far inside 63 bits.
constexpr int64_t kMaxImageSide = int64_t{1} << 20;
constexpr int64_t kMaxImagePixels = int64_t{1} << 28;
constexpr int64_t kMaxImageChannels = 1024;

// Returns an error, with `where` as its subject, unless the sides and the channels are positive and
// within the bounds above.
Status checkImageSize(Size size, int64_t channels, std::string_view where);

// Samples that somebody else owns.
struct ImageView8 {
  int64_t width = 0;
  int64_t height = 0;
  int64_t channels = 0;
  std::span<const uint8_t> data;  // height * width * channels

  Size size() const { return {height, width}; }
  const uint8_t* row(int64_t y) const { return data.data() + y * width * channels; }

  // Returns the error of checkImageSize, or one when the bytes in `data` are more or fewer.
  Status check(std::string_view where) const;
};

// Samples with their memory.
struct Image8 {
  int64_t width = 0;
  int64_t height = 0;
  int64_t channels = 0;
  Buffer<uint8_t> data;

  // Returns an image of uninitialised samples, or kOutOfMemory. Sizes as checkImageSize has them.
  static Result<Image8> allocate(Size size, int64_t channels, std::string_view purpose);

  Size size() const { return {height, width}; }
  // Gives every pixel the same samples, one for each channel.
  void fill(std::span<const uint8_t> pixel);

  uint8_t* row(int64_t y) { return data.data() + y * width * channels; }
  ImageView8 view() const { return {width, height, channels, data}; }
  operator ImageView8() const { return view(); }
};

}  // namespace beit
