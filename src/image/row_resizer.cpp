#include "src/image/row_resizer.h"

#include <algorithm>
#include <cstring>

#include "src/image/image_orientation.h"
#include "src/image/sample_vectors.h"

namespace beit {
namespace {

using samples::U8x16;

constexpr uint32_t kHalf = 1u << (kResampleFractionBits - 1);
// A weight is high * 2^kLowBits + low. What sums of products lose beyond 32 bits does not show in the whole sum, which has no more.
constexpr int kLowBits = 15;
constexpr int64_t kStep = 4;  // taps

uint8_t clip8(uint32_t sum) { return static_cast<uint8_t>(std::clamp(static_cast<int32_t>(sum) >> kResampleFractionBits, 0, 255)); }

// Since each pass rounds, the order of the two shows in the result. Pillow 13 takes the height first
// where that pass drops more than twice as many rows as the other drops columns; found by comparing
// its results with both orders.
bool heightFirst(Size from, Size to) { return from.height > to.height && from.height - to.height > 2 * (from.width - to.width); }

}  // namespace

Result<RowResizer> RowResizer::make(Size stored, int64_t channels, Size to, Resample filter, int orientation) {
  const bool turned = orientation >= 5;
  const auto other = [=](Size size) { return turned ? Size{size.width, size.height} : size; };
  const Size small = other(to);
  RowResizer made;
  made.channels_ = channels;
  made.orientation_ = orientation;
  made.width_first_ = heightFirst(other(stored), to) == turned;
  // Bit n: whether that axis is mirrored in orientation n.
  constexpr int kAcross = 1 << 2 | 1 << 3 | 1 << 7 | 1 << 8, kDown = 1 << 3 | 1 << 4 | 1 << 6 | 1 << 7;
  BEIT_ASSIGN(made.across_, ResampleWeights::make(stored.width, small.width, filter, (kAcross >> orientation & 1) != 0));
  BEIT_ASSIGN(made.down_, ResampleWeights::make(stored.height, small.height, filter, (kDown >> orientation & 1) != 0));
  if (channels == 3 || channels == 4) BEIT_TRY(made.splitWeights());
  made.held_bytes_ = (made.width_first_ ? small.width : stored.width) * channels;
  BEIT_ASSIGN(made.held_, Buffer<uint8_t>::allocate(made.down_.longest() * made.held_bytes_, "rows to resize"));
  // The last step reads beyond the row.
  BEIT_ASSIGN(made.line_, Buffer<uint8_t>::allocate(stored.width * channels + kBytesBehind, "a row to resize"));
  std::fill(made.line_.begin() + stored.width * channels, made.line_.end(), uint8_t{0});
  BEIT_ASSIGN(made.out_, Image8::allocate(small, channels, "a resized image"));
  return made;
}

Status RowResizer::splitWeights() {
  halves_.stride = (across_.longest() + kStep - 1) / kStep * kStep;
  BEIT_ASSIGN(halves_.low, Buffer<int16_t>::allocate(across_.size() * halves_.stride, "resize weights"));
  BEIT_ASSIGN(halves_.high, Buffer<int16_t>::allocate(across_.size() * halves_.stride, "resize weights"));
  for (int64_t x = 0; x < across_.size(); ++x) {
    const ResampleTaps window = across_[x];
    for (int64_t k = 0; k < halves_.stride; ++k) {
      const int32_t weight = k < window.count ? window.weights[k] : 0;
      const auto at = static_cast<size_t>(x * halves_.stride + k);
      halves_.low[at] = static_cast<int16_t>(weight & ((1 << kLowBits) - 1));
      halves_.high[at] = static_cast<int16_t>(weight >> kLowBits);
    }
  }
  return {};
}

uint8_t* RowResizer::row() { return width_first_ ? line_.data() : heldRow(next_); }

void RowResizer::take(const uint8_t* row) {
  uint8_t* held = heldRow(next_);
  if (width_first_) {
    if (out_row_ < down_.size() && next_ >= down_[out_row_].first) narrow(row, held);
  } else if (row != held) {
    std::memcpy(held, row, static_cast<size_t>(held_bytes_));
  }
  ++next_;
  for (; out_row_ < down_.size(); ++out_row_) {
    const ResampleTaps window = down_[out_row_];
    if (window.first + window.count > next_) break;
    uint8_t* to = out_.row(out_row_);
    lower(window, width_first_ ? to : line_.data());
    if (!width_first_) narrow(line_.data(), to);
  }
}

Result<Image8> RowResizer::finish() { return makeUpright(std::move(out_), orientation_); }

void RowResizer::narrow(const uint8_t* in, uint8_t* out) const {
  if (channels_ == 3) narrowPixels<3>(in, out);
  else if (channels_ == 4) narrowPixels<4>(in, out);
  else narrowAny(in, out);
}

// A pixel's samples are in the lanes of a vector.
template <int kChannels>
void RowResizer::narrowPixels(const uint8_t* in, uint8_t* out) const {
  const int16_t *low = halves_.low.data(), *high = halves_.high.data();
  for (int64_t x = 0; x < across_.size(); ++x, out += kChannels, low += halves_.stride, high += halves_.stride) {
    const ResampleTaps window = across_[x];
    const uint8_t* pixel = in + window.first * kChannels;
    U32x4 low_sum{kHalf, kHalf, kHalf, kHalf}, high_sum{};
    for (int64_t k = 0; k < window.count; k += kStep, pixel += kStep * kChannels) {
      const auto samples = samples::load<U8x16>(pixel);
      const auto first = samples::firstPair<kChannels>(samples), second = samples::secondPair<kChannels>(samples);
      low_sum += (U32x4)dotPairs(first, splatPair(low + k)) + (U32x4)dotPairs(second, splatPair(low + k + 2));
      high_sum += (U32x4)dotPairs(first, splatPair(high + k)) + (U32x4)dotPairs(second, splatPair(high + k + 2));
    }
    const U32x4 sum = (high_sum << kLowBits) + low_sum;
    for (int c = 0; c < kChannels; ++c) out[c] = clip8(sum[c]);
  }
}

void RowResizer::narrowAny(const uint8_t* in, uint8_t* out) const {
  for (int64_t x = 0; x < across_.size(); ++x, out += channels_) {
    const ResampleTaps window = across_[x];
    const uint8_t* first = in + window.first * channels_;
    for (int64_t c = 0; c < channels_; ++c) {
      uint32_t sum = kHalf;
      for (int64_t k = 0; k < window.count; ++k) sum += static_cast<uint32_t>(first[k * channels_ + c] * window.weights[k]);
      out[c] = clip8(sum);
    }
  }
}

// Makes a row of those that are held.
void RowResizer::lower(const ResampleTaps& window, uint8_t* out) {
  const uint8_t *end = held_.data() + held_.size(), *top = heldRow(window.first);
  int64_t x = 0;
  for (; x + 16 <= held_bytes_; x += 16, top += 16) {
    I32x4 sums[4];
    for (I32x4& sum : sums) sum = I32x4{kHalf, kHalf, kHalf, kHalf};
    const uint8_t* in = top;
    for (int64_t k = 0; k < window.count; ++k, in += held_bytes_) {
      if (in >= end) in -= held_.size();
      for (int i = 0; i < 4; ++i) sums[i] += samples::widen4(in + 4 * i) * window.weights[k];
    }
    for (I32x4& sum : sums) sum >>= kResampleFractionBits;
    samples::store(out + x, samples::narrow(samples::narrow(sums[0], sums[1]), samples::narrow(sums[2], sums[3])));
  }
  for (; x < held_bytes_; ++x, ++top) {
    uint32_t sum = kHalf;
    const uint8_t* in = top;
    for (int64_t k = 0; k < window.count; ++k, in += held_bytes_) {
      if (in >= end) in -= held_.size();
      sum += static_cast<uint32_t>(*in * window.weights[k]);
    }
    out[x] = clip8(sum);
  }
}

}  // namespace beit
