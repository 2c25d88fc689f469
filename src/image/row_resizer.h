// Pillow's Image.resize of a picture whose rows come one by one, from the top, and may be stored turned or mirrored: as many of them
// are held as a row of the output is made of.
#pragma once

#include <cstdint>

#include "src/base/buffer.h"
#include "src/base/result.h"
#include "src/base/size.h"
#include "src/image/image.h"
#include "src/image/resample_weights.h"

namespace beit {

class RowResizer {
 public:
  // `stored`: of the rows that come; makeUpright() has `orientation`. `to`: of the upright result. Not for kNearest.
  // Errors: kOutOfMemory; sizes are checkImageSize's.
  static Result<RowResizer> make(Size stored, int64_t channels, Size to, Resample filter, int orientation = 1);

  // Where the samples of the next row belong.
  uint8_t* row();
  // They are there, or elsewhere with so many bytes behind them that can be read.
  void take(const uint8_t* row);
  static constexpr int64_t kBytesBehind = 16;
  // Returns the upright result; once, when all rows have been taken.
  Result<Image8> finish();

 private:
  // The weights of across_ for products of 16 bits: the windows' lower and upper bits, padded to whole steps.
  struct Halves {
    Buffer<int16_t> low, high;
    int64_t stride = 0;
  };

  Status splitWeights();
  uint8_t* heldRow(int64_t y) { return held_.data() + y % down_.longest() * held_bytes_; }
  void narrow(const uint8_t* in, uint8_t* out) const;
  template <int kChannels>
  void narrowPixels(const uint8_t* in, uint8_t* out) const;
  void narrowAny(const uint8_t* in, uint8_t* out) const;
  void lower(const ResampleTaps& window, uint8_t* out);

  int64_t channels_ = 0;
  int orientation_ = 1;
  bool width_first_ = true;  // of the rows as they come
  ResampleWeights across_, down_;
  Halves halves_;
  int64_t next_ = 0, out_row_ = 0;
  Buffer<uint8_t> held_;  // row y of those that come, or what its width became, is at y modulo the longest window
  int64_t held_bytes_ = 0;
  Buffer<uint8_t> line_;  // of the width that comes
  Image8 out_;            // as stored
};

}  // namespace beit
