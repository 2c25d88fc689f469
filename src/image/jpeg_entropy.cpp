#include "src/image/jpeg_entropy.h"

#include <cstring>

namespace beit {
namespace {

// Where the coefficients of the zigzag are in rows. Runs that lead beyond the last are damage, and go there.
constexpr uint8_t kRows[64 + 16] = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33,
                                    40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36,
                                    29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
                                    47, 55, 62, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63};

// 64 codes and numbers of 31 bits at most, each byte of which may be stuffed, and what is read ahead.
constexpr int64_t kMostBytes = 2 * (64 * 31 / 8 + 8);

}  // namespace

void JpegCodes::set(const uint8_t* sizes, const uint16_t* codes, const uint8_t* values) {
  symbols_.fill({});
  quick_.fill({});
  behind_.fill(0);
  first_.fill(0);
  values_.fill(0);
  for (int i = 0; i < 256 && sizes[i]; ++i) {
    const int size = sizes[i];
    values_[static_cast<size_t>(i)] = values[i];
    behind_[static_cast<size_t>(size)] = (codes[i] + uint32_t{1}) << (kLongest - size);
    first_[static_cast<size_t>(size)] = i - codes[i];
    if (size > kQuickBits) continue;
    const int free = kQuickBits - size, bits = values[i] & 15, run = values[i] >> 4;
    for (int rest = 0; rest < 1 << free; ++rest) {
      const auto at = static_cast<size_t>((codes[i] << free) + rest);
      symbols_[at] = {static_cast<uint8_t>(size), values[i]};
      if (bits > free) continue;
      int number = bits ? rest >> (free - bits) : 0;
      if (bits && number < 1 << (bits - 1)) number += 1 - (1 << bits);
      // Without a number it is 16 zeros or, whatever its run, the end.
      quick_[at] = {static_cast<int16_t>(number), static_cast<uint8_t>(bits ? run : run == 15 ? 16 : 0), static_cast<uint8_t>(size + bits)};
    }
  }
}

// Has at least 32 bits ready; false where a marker comes before.
inline bool JpegBits::fill() {
  if (count_ >= 32) return true;
  uint32_t four;
  std::memcpy(&four, at_, sizeof four);
  constexpr uint32_t kTops = 0x80808080;
  if ((four & kTops & ((four & ~kTops) + 0x01010101)) == 0) {  // no byte is FF
    bits_ |= uint64_t{__builtin_bswap32(four)} << (32 - count_);
    count_ += 32;
    at_ += 4;
    return true;
  }
  while (count_ <= 56) {
    const uint8_t byte = *at_;
    if (byte == 0xFF && at_[1] != 0) return count_ >= 32;
    at_ += byte == 0xFF ? 2 : 1;
    bits_ |= uint64_t{byte} << (56 - count_);
    count_ += 8;
  }
  return true;
}

// Reads a code. Negative where there is none.
inline int JpegBits::symbol(const JpegCodes& codes) {
  const auto [size, value] = codes.symbols_[bits_ >> (64 - JpegCodes::kQuickBits)];
  if (size) {
    bits_ <<= size;
    count_ -= size;
    return value;
  }
  const auto top = static_cast<uint32_t>(bits_ >> 48);
  for (int longer = JpegCodes::kQuickBits + 1; longer <= JpegCodes::kLongest; ++longer) {
    if (top >= codes.behind_[static_cast<size_t>(longer)]) continue;
    const int place = static_cast<int>(bits_ >> (64 - longer)) + codes.first_[static_cast<size_t>(longer)];
    if (place < 0 || place > 255) return -1;
    bits_ <<= longer;
    count_ -= longer;
    return codes.values_[static_cast<size_t>(place)];
  }
  return -1;
}

// Reads a number of so many bits, 1 to 15.
inline int JpegBits::number(int bits) {
  const int value = static_cast<int>(bits_ >> (64 - bits));
  bits_ <<= bits;
  count_ -= bits;
  return value < 1 << (bits - 1) ? value + 1 - (1 << bits) : value;
}

JpegBlock JpegBits::read(const JpegCodes& dc, const JpegCodes& ac, const uint16_t* dequantize, int& prediction, int16_t* block) {
  if (end_ - at_ < kMostBytes) return JpegBlock::kNotRead;
  JpegBits in = *this;  // in registers
  if (!in.fill()) return JpegBlock::kNotRead;
  const int size = in.symbol(dc);
  if (size < 0 || size > 15) return JpegBlock::kNotRead;
  const int first = prediction + (size ? in.number(size) : 0);
  const int64_t scaled = int64_t{first} * dequantize[0];
  if (first != static_cast<int16_t>(first) || scaled != static_cast<int16_t>(scaled)) return JpegBlock::kNotRead;
  std::memset(block, 0, 64 * sizeof *block);
  block[0] = static_cast<int16_t>(scaled);
  JpegBlock kind = JpegBlock::kFlat;
  for (int k = 1; k < 64;) {
    if (!in.fill()) return JpegBlock::kNotRead;
    const auto [quick, zeros, length] = ac.quick_[in.bits_ >> (64 - JpegCodes::kQuickBits)];
    int number = quick, run = zeros;
    if (length) {
      in.bits_ <<= length;
      in.count_ -= length;
    } else {
      const int value = in.symbol(ac);
      if (value < 0) return JpegBlock::kNotRead;
      run = value >> 4;
      if (const int bits = value & 15) number = in.number(bits);
      else if (run == 15) run = 16;
      else run = 0;
    }
    k += run;
    if (number == 0) {
      if (run == 0) break;
      continue;
    }
    const uint8_t at = kRows[k++];
    block[at] = static_cast<int16_t>(number * dequantize[at]);
    kind = JpegBlock::kWhole;
  }
  prediction = first;
  *this = in;
  return kind;
}

void JpegBits::giveBack() {
  while (count_ > 32) {
    count_ -= 8;
    at_ -= at_[-1] == 0 && at_[-2] == 0xFF ? 2 : 1;
  }
  bits_ &= ~(~uint64_t{0} >> count_);
}

}  // namespace beit
