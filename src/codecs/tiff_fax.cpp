#include "src/codecs/tiff_fax.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace beit::codecs {
namespace {

// Codes of the lengths 0 to 63, and of 64, 128, … 1728; then those of 1792 to 2560, which both colours share.
constexpr std::string_view kWhite[] = {
    "00110101",  "000111",    "0111",      "1000",      "1011",      "1100",      "1110",      "1111",      "10011",     "10100",
    "00111",     "01000",     "001000",    "000011",    "110100",    "110101",    "101010",    "101011",    "0100111",   "0001100",
    "0001000",   "0010111",   "0000011",   "0000100",   "0101000",   "0101011",   "0010011",   "0100100",   "0011000",   "00000010",
    "00000011",  "00011010",  "00011011",  "00010010",  "00010011",  "00010100",  "00010101",  "00010110",  "00010111",  "00101000",
    "00101001",  "00101010",  "00101011",  "00101100",  "00101101",  "00000100",  "00000101",  "00001010",  "00001011",  "01010010",
    "01010011",  "01010100",  "01010101",  "00100100",  "00100101",  "01011000",  "01011001",  "01011010",  "01011011",  "01001010",
    "01001011",  "00110010",  "00110011",  "00110100",  "11011",     "10010",     "010111",    "0110111",   "00110110",  "00110111",
    "01100100",  "01100101",  "01101000",  "01100111",  "011001100", "011001101", "011010010", "011010011", "011010100", "011010101",
    "011010110", "011010111", "011011000", "011011001", "011011010", "011011011", "010011000", "010011001", "010011010", "011000",
    "010011011"};
constexpr std::string_view kBlack[] = {"0000110111",
                                       "010",
                                       "11",
                                       "10",
                                       "011",
                                       "0011",
                                       "0010",
                                       "00011",
                                       "000101",
                                       "000100",
                                       "0000100",
                                       "0000101",
                                       "0000111",
                                       "00000100",
                                       "00000111",
                                       "000011000",
                                       "0000010111",
                                       "0000011000",
                                       "0000001000",
                                       "00001100111",
                                       "00001101000",
                                       "00001101100",
                                       "00000110111",
                                       "00000101000",
                                       "00000010111",
                                       "00000011000",
                                       "000011001010",
                                       "000011001011",
                                       "000011001100",
                                       "000011001101",
                                       "000001101000",
                                       "000001101001",
                                       "000001101010",
                                       "000001101011",
                                       "000011010010",
                                       "000011010011",
                                       "000011010100",
                                       "000011010101",
                                       "000011010110",
                                       "000011010111",
                                       "000001101100",
                                       "000001101101",
                                       "000011011010",
                                       "000011011011",
                                       "000001010100",
                                       "000001010101",
                                       "000001010110",
                                       "000001010111",
                                       "000001100100",
                                       "000001100101",
                                       "000001010010",
                                       "000001010011",
                                       "000000100100",
                                       "000000110111",
                                       "000000111000",
                                       "000000100111",
                                       "000000101000",
                                       "000001011000",
                                       "000001011001",
                                       "000000101011",
                                       "000000101100",
                                       "000001011010",
                                       "000001100110",
                                       "000001100111",
                                       "0000001111",
                                       "000011001000",
                                       "000011001001",
                                       "000001011011",
                                       "000000110011",
                                       "000000110100",
                                       "000000110101",
                                       "0000001101100",
                                       "0000001101101",
                                       "0000001001010",
                                       "0000001001011",
                                       "0000001001100",
                                       "0000001001101",
                                       "0000001110010",
                                       "0000001110011",
                                       "0000001110100",
                                       "0000001110101",
                                       "0000001110110",
                                       "0000001110111",
                                       "0000001010010",
                                       "0000001010011",
                                       "0000001010100",
                                       "0000001010101",
                                       "0000001011010",
                                       "0000001011011",
                                       "0000001100100",
                                       "0000001100101"};
constexpr std::string_view kLong[] = {"00000001000",  "00000001100",  "00000001101",  "000000010010", "000000010011",
                                      "000000010100", "000000010101", "000000010110", "000000010111", "000000011100",
                                      "000000011101", "000000011110", "000000011111"};
constexpr int kLongestCode = 13, kMarkZeros = 11;

struct Code {
  int16_t length = -1;  // of the run
  uint8_t bits = 0;
};
using Codes = std::array<Code, 1 << kLongestCode>;  // by the next bits

constexpr int16_t lengthAt(size_t index) { return static_cast<int16_t>(index < 64 ? index : (index - 63) * 64); }

void add(std::string_view code, int16_t length, Codes& codes) {
  uint32_t first = 0;
  for (const char c : code) first = first << 1 | (c == '1');
  const auto rest = static_cast<uint32_t>(kLongestCode) - static_cast<uint32_t>(code.size());
  std::fill_n(codes.begin() + (first << rest), size_t{1} << rest, Code{length, static_cast<uint8_t>(code.size())});
}

Codes codesOf(std::span<const std::string_view> texts) {
  Codes codes{};
  for (size_t i = 0; i < texts.size(); ++i) add(texts[i], lengthAt(i), codes);
  for (size_t i = 0; i < std::size(kLong); ++i) add(kLong[i], lengthAt(std::size(kWhite) + i), codes);
  return codes;
}

// White's and black's, made once: a page may have a strip for each of its rows.
const std::array<Codes, 2>& bothCodes() {
  static const std::array<Codes, 2> codes{codesOf(kWhite), codesOf(kBlack)};
  return codes;
}

Error damaged(const char* what) {
  return failure(ErrorCode::kBadImage, "image", std::string("this TIFF is damaged (") + what + " in its fax compression)");
}

class Bits {
 public:
  explicit Bits(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  // The next bits, of which those beyond the end are 0.
  uint32_t peek(int count) const {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) {
      const size_t at = at_ / 8 + i;
      value = value << 8 | (at < bytes_.size() ? bytes_[at] : 0u);
    }
    return value << (at_ % 8) >> (32 - count);
  }
  void skip(int count) { at_ += static_cast<size_t>(count); }
  void toByte() { at_ = (at_ + 7) / 8 * 8; }
  bool atEnd() const { return at_ >= 8 * bytes_.size(); }

 private:
  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
};

class Decoder {
 public:
  Decoder(std::span<const uint8_t> packed, const FaxCoding& coding) : bits_(packed), coding_(coding), colours_(bothCodes()) {}

  // Decodes the next row into `changes()`. Returns whether there was one.
  Result<bool> next() {
    std::swap(above_, row_);
    row_.clear();
    bool is_runs = coding_.rows == FaxCoding::Rows::kRuns || coding_.rows == FaxCoding::Rows::kMarkedRuns;
    if (coding_.rows == FaxCoding::Rows::kRuns) bits_.toByte();
    int marks = 0;
    while (!bits_.atEnd() && bits_.peek(kMarkZeros) == 0 && coding_.rows != FaxCoding::Rows::kRuns) {
      while (!bits_.atEnd() && bits_.peek(1) == 0) bits_.skip(1);
      if (bits_.atEnd()) return false;
      bits_.skip(1);
      if (++marks > 1 || coding_.rows == FaxCoding::Rows::kDifferences) return false;  // several in a row end the page, as any does in T.6
      if (coding_.rows == FaxCoding::Rows::kMarkedMixed) {
        is_runs = bits_.peek(1) == 1;
        bits_.skip(1);
      }
    }
    if (bits_.atEnd()) return false;
    BEIT_TRY(is_runs ? readRuns() : readDifferences());
    return true;
  }

  // Where the colour changes, from white at first: ascending, within the row.
  const std::vector<int64_t>& changes() const { return row_; }

 private:
  Result<int64_t> readRun(bool black) {
    int64_t length = 0;
    for (;;) {
      const Code code = colours_[black ? 1 : 0][bits_.peek(kLongestCode)];
      if (code.length < 0 || bits_.atEnd()) return damaged("a code that is none");
      bits_.skip(code.bits);
      length += code.length;
      if (length > coding_.width) return damaged("a row that is too long");
      if (code.length < 64) return length;
    }
  }

  void addChange(int64_t at) { row_.push_back(at); }

  Status readRuns() {
    bool black = false;
    for (int64_t at = 0; at < coding_.width; black = !black) {
      BEIT_ASSIGN(const int64_t run, readRun(black));
      at += run;
      if (at > coding_.width) return damaged("a row that is too long");
      addChange(at);
    }
    return {};
  }

  // The first change of the row above to the right of `from` at which it takes the colour that is not `black`.
  size_t changeAbove(int64_t from, bool black) {
    // Where the last one was found is near, but a vertical code may go back by three pixels.
    while (hint_ > 0 && hint_ - 1 < above_.size() && above_[hint_ - 1] > from) --hint_;
    while (hint_ < above_.size() && (above_[hint_] <= from || (hint_ % 2 != 0) != black)) ++hint_;
    return hint_;
  }
  int64_t placeOf(size_t change) const { return change < above_.size() ? above_[change] : coding_.width; }

  Status readDifferences() {
    bool black = false;
    hint_ = 0;
    int64_t from = -1;  // before the first pixel
    while (from < coding_.width) {
      const size_t above = changeAbove(from, black);
      const uint32_t code = bits_.peek(7);
      if (bits_.atEnd()) return damaged("a row that is too short");
      int by = 0;
      if (code >> 3 == 1) {  // 0001: the row above has a run that this one has not
        bits_.skip(4);
        from = placeOf(above + 1);
        continue;
      }
      if (code >> 4 == 1) {  // 001: two runs as such
        bits_.skip(3);
        int64_t at = std::max<int64_t>(from, 0);
        for (const bool colour : {black, !black}) {
          BEIT_ASSIGN(const int64_t run, readRun(colour));
          at += run;
          if (at > coding_.width) return damaged("a row that is too long");
          addChange(at);
        }
        from = at;
        if (from == 0) return damaged("two runs without a pixel");  // which would go on for ever
        continue;
      }
      if (code >> 6 == 1) {
        bits_.skip(1);
      } else if (code >> 4 == 3 || code >> 4 == 2) {
        bits_.skip(3);
        by = code >> 4 == 3 ? 1 : -1;
      } else if (code >> 1 == 3 || code >> 1 == 2) {
        bits_.skip(6);
        by = code >> 1 == 3 ? 2 : -2;
      } else if (code == 3 || code == 2) {
        bits_.skip(7);
        by = code == 3 ? 3 : -3;
      } else {
        return damaged("a code that is none");
      }
      const int64_t at = placeOf(above) + by;
      if (at > coding_.width || at < std::max<int64_t>(from, 0)) return damaged("a change that lies before the last one");
      addChange(at);
      from = at;
      black = !black;
    }
    return {};
  }

  Bits bits_;
  const FaxCoding& coding_;
  const std::array<Codes, 2>& colours_;
  std::vector<int64_t> row_, above_;
  size_t hint_ = 0;
};

void blacken(uint8_t* row, int64_t from, int64_t to) {
  for (; from < to && from % 8; ++from) row[from / 8] |= static_cast<uint8_t>(0x80 >> from % 8);
  for (; from + 8 <= to; from += 8) row[from / 8] = 0xFF;
  for (; from < to; ++from) row[from / 8] |= static_cast<uint8_t>(0x80 >> from % 8);
}

}  // namespace

Result<int64_t> unpackFax(std::span<const uint8_t> packed, const FaxCoding& coding, int64_t count, std::span<uint8_t> out) {
  Decoder decoder(packed, coding);
  const int64_t row_bytes = (coding.width + 7) / 8;
  for (int64_t y = 0; y < count; ++y) {
    BEIT_ASSIGN(const bool is_row, decoder.next());
    if (!is_row) return y;
    uint8_t* row = out.data() + y * row_bytes;
    std::fill_n(row, row_bytes, uint8_t{0});
    const std::vector<int64_t>& changes = decoder.changes();
    for (size_t i = 0; i < changes.size(); i += 2) blacken(row, changes[i], i + 1 < changes.size() ? changes[i + 1] : coding.width);
  }
  return count;
}

}  // namespace beit::codecs
