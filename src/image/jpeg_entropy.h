// The coefficients of a JPEG's blocks, decoded from bytes that lie in memory, 64 bits at a time: what takes the most time
// of a photo. It knows no damage: whatever is out of the ordinary is left to stb_image's decoder, which goes on from the
// same place.
#pragma once

#include <array>
#include <cstdint>

namespace beit {

// The codes of one Huffman table.
class JpegCodes {
 public:
  // Code `i` has sizes[i] bits, is codes[i] and stands for values[i]; a size of 0 is behind the last.
  void set(const uint8_t* sizes, const uint16_t* codes, const uint8_t* values);

 private:
  friend class JpegBits;
  static constexpr int kQuickBits = 10;
  static constexpr int kLongest = 16;

  struct Symbol {
    uint8_t bits = 0;  // of its code; 0 where that is longer than kQuickBits
    uint8_t value = 0;
  };
  // A code and the number that follows, both within kQuickBits.
  struct Quick {
    int16_t number = 0;
    uint8_t run = 0;   // of zeros before it; without a number 16 of them, or 0 at a block's end
    uint8_t bits = 0;  // 0 where there is none
  };

  std::array<Symbol, 1 << kQuickBits> symbols_;
  std::array<Quick, 1 << kQuickBits> quick_;
  std::array<uint32_t, kLongest + 1> behind_;  // the last code of that size, in 16 bits
  std::array<int32_t, kLongest + 1> first_;    // the place of a code in values_, less the code
  std::array<uint8_t, 256> values_;
};

enum class JpegBlock { kNotRead, kFlat, kWhole };

class JpegBits {
 public:
  JpegBits() = default;
  // `bits` has `count` bits of the stream, from the top; the bytes behind them are from `at` to `end`.
  JpegBits(uint32_t bits, int count, const uint8_t* at, const uint8_t* end)
      : bits_(uint64_t{bits} << 32), count_(count), at_(at), end_(end) {}

  // Reads a block, dequantised and by rows: kFlat where it has but the first coefficient, which is predicted. kNotRead, without
  // a change but to `block`, where a marker or the end of the file is near, or the block is not as it should be.
  JpegBlock read(const JpegCodes& dc, const JpegCodes& ac, const uint16_t* dequantize, int& prediction, int16_t* block);

  // Gives back what is read ahead beyond 32 bits.
  void giveBack();
  uint32_t bits() const { return static_cast<uint32_t>(bits_ >> 32); }
  int count() const { return count_; }
  const uint8_t* at() const { return at_; }

 private:
  bool fill();
  int symbol(const JpegCodes& codes);
  int number(int bits);

  uint64_t bits_ = 0;
  int count_ = 0;
  const uint8_t* at_ = nullptr;
  const uint8_t* end_ = nullptr;
};

}  // namespace beit
