// A picture as luma and chroma, and what libavif makes of it with libyuv, which Pillow uses.
#pragma once

#include <array>
#include <cstdint>

#include "src/avif/container.h"
#include "src/base/buffer.h"
#include "src/base/result.h"
#include "src/image/image.h"

namespace beit::avif {

struct Planes {
  Size size;
  int depth = 8;            // bits of a sample
  bool has_chroma = true;   // two planes more
  int right = 0, down = 0;  // log2 of how many columns and rows share a sample of chroma
  Colours colours;
  std::array<Buffer<uint16_t>, 3> samples;  // luma, and chroma of blue and of red

  Size sizeOf(int plane) const {
    if (plane == 0) return size;
    return {(size.height + (1 << down) - 1) >> down, (size.width + (1 << right) - 1) >> right};
  }

  // Takes memory for the samples. Fails with kOutOfMemory.
  Status allocate();
};

// Returns the picture in RGB. Where libyuv knows the matrix, its integers: the same bytes as libavif's. Others are computed in floats.
// Errors: kUnsupported for a matrix that is not in use; kOutOfMemory.
// Reference: libavif reformat.c and reformat_libyuv.c; libyuv row_common.cc and scale_common.cc; ITU-T H.273.
Result<Image8> toRgb(const Planes& planes);

}  // namespace beit::avif
