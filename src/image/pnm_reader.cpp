#include "src/image/pnm_reader.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/image/file_bytes.h"

namespace beit {
namespace {

Error cutOff() { return cutOff(ImageFormat::kPnm); }
Error damaged(const std::string& reason) { return notDecodable(ImageFormat::kPnm, reason); }

constexpr size_t kLongestToken = 10;

bool isSpace(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The next word, and one white space behind it. A comment is as if it were not there: "25# comment\n5" is 255.
Result<std::string> takeToken(FileBytes& bytes) {
  std::string token;
  while (token.size() <= kLongestToken) {
    const auto c = bytes.next();
    if (!c) break;
    if (c == '#') {
      for (auto skipped = bytes.next(); skipped && skipped != '\n' && skipped != '\r';) skipped = bytes.next();
    } else if (!isSpace(*c)) {
      token += static_cast<char>(*c);
    } else if (!token.empty()) {
      break;
    }
  }
  if (token.empty()) return cutOff();
  if (token.size() > kLongestToken) return damaged("a number of more than 10 digits");
  return token;
}

Result<int64_t> takeNumber(FileBytes& bytes) {
  BEIT_ASSIGN(const std::string token, takeToken(bytes));
  int64_t value = 0;
  for (const char c : token) {
    if (c < '0' || c > '9') return damaged("a number with another sign than digits");
    value = value * 10 + (c - '0');
  }
  return value;
}

// Returns 1 or -1 for a decimal number above or below 0, and 0 for all else, also for what is 0 or infinite as a double. Only the sign
// of a scale is wanted; strtod computes in long double, of which nothing else would be in an artefact.
int signOf(std::string_view text) {
  const auto isDigit = [&](size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
  size_t at = 0;
  const auto takeSign = [&] {
    const bool minus = at < text.size() && text[at] == '-';
    if (minus || (at < text.size() && text[at] == '+')) ++at;
    return minus ? -1 : 1;
  };
  const int sign = takeSign();
  int power = 0;  // the number is 0.1 to 1 times ten to that
  bool any = false, nonzero = false, behind_point = false;
  for (;; ++at) {
    if (at < text.size() && text[at] == '.' && !behind_point) {
      behind_point = true;
      continue;
    }
    if (!isDigit(at)) break;
    any = true;
    nonzero = nonzero || text[at] != '0';
    if (nonzero != behind_point) power += nonzero ? 1 : -1;
  }
  if (any && at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    const int direction = takeSign();
    int exponent = 0;
    if (!isDigit(at)) return 0;
    for (; isDigit(at); ++at) exponent = exponent * 10 + (text[at] - '0');  // a token is short
    power += direction * exponent;
  }
  return at == text.size() && nonzero && power > -323 && power < 309 ? sign : 0;
}

// What is behind the kind, 'P' and a sign.
struct Header {
  char kind = 0;
  int64_t width = 0, height = 0;
  int64_t depth = 1;           // samples of a pixel in the file
  int64_t maximum = 1;         // of a sample
  bool little_endian = false;  // of floats

  // Samples of a pixel that are kept: of a PAM neither opacity nor what nobody knows.
  int64_t channels() const { return depth >= 3 ? 3 : 1; }
};

// A line of at most 255 characters without its end, spaces around it left out.
Result<std::string> takeLine(FileBytes& bytes) {
  std::string line;
  for (;;) {
    const auto c = bytes.next();
    if (!c) return cutOff();
    if (c == '\n') break;
    if (line.size() == 255) return damaged("a line of more than 255 characters in its header");
    line += static_cast<char>(*c);
  }
  while (!line.empty() && isSpace(static_cast<uint8_t>(line.back()))) line.pop_back();
  return line;
}

// A PAM's: lines of a name and a value. Reference: netpbm's pam(5).
Status readPamHeader(FileBytes& bytes, Header& header) {
  header.depth = header.maximum = 0;
  for (;;) {
    BEIT_ASSIGN(const std::string line, takeLine(bytes));
    if (line == "ENDHDR") break;
    const size_t space = line.find_first_of(" \t");
    const std::string name = line.substr(0, space);
    int64_t* to = name == "WIDTH"    ? &header.width
                  : name == "HEIGHT" ? &header.height
                  : name == "DEPTH"  ? &header.depth
                  : name == "MAXVAL" ? &header.maximum
                                     : nullptr;
    if (!to) continue;  // TUPLTYPE, whose meaning follows from the depth, comments and empty lines
    const size_t first = line.find_first_not_of(" \t", space);
    if (first == std::string::npos || line.size() - first > kLongestToken) return damaged("a " + name + " that is no number");
    *to = 0;
    for (const char c : line.substr(first)) {
      if (c < '0' || c > '9') return damaged("a " + name + " that is no number");
      *to = *to * 10 + (c - '0');
    }
  }
  if (header.depth < 1 || header.depth > 16) return damaged(std::to_string(header.depth) + " samples a pixel");
  return {};
}

Status checkMaximum(int64_t maximum) {
  if (maximum < 1 || maximum > 65535) return damaged("samples up to " + std::to_string(maximum));
  return {};
}

Result<Header> readHeader(FileBytes& bytes) {
  Header header;
  const auto kind = bytes.take(3);
  if (kind.size() < 3) return cutOff();
  header.kind = static_cast<char>(kind[1]);
  if (!isSpace(kind[2])) return damaged("a kind that is not in use");
  if (header.kind == '7') {
    BEIT_TRY(readPamHeader(bytes, header));
    BEIT_TRY(checkPixels(header.width, header.height));
    BEIT_TRY(checkMaximum(header.maximum));
    return header;
  }
  if (header.kind == '3' || header.kind == '6') header.depth = 3;
  BEIT_ASSIGN(header.width, takeNumber(bytes));
  BEIT_ASSIGN(header.height, takeNumber(bytes));
  BEIT_TRY(checkPixels(header.width, header.height));
  if (header.kind == 'f') {
    BEIT_ASSIGN(const std::string token, takeToken(bytes));
    const int sign = signOf(token);
    if (sign == 0) return damaged("a scale that is no number, or 0");
    header.little_endian = sign < 0;
  } else if (header.kind != '1' && header.kind != '4') {
    BEIT_ASSIGN(header.maximum, takeNumber(bytes));
    BEIT_TRY(checkMaximum(header.maximum));
  }
  return header;
}

// What each sample becomes. Python rounds halves to even, as nearbyint does. Grey of 16 bits goes up to 65535 in Pillow, whose
// convert("RGB") cuts off what is above 255; a PAM it does not read.
std::vector<uint8_t> levels(const Header& header) {
  std::vector<uint8_t> level(header.maximum < 256 ? 256 : 65536);
  const double most = header.maximum > 255 && header.channels() == 1 && header.kind != '7' ? 65535 : 255;
  for (size_t i = 0; i < level.size(); ++i) {
    level[i] = static_cast<uint8_t>(std::fmin(std::nearbyint(static_cast<double>(i) / static_cast<double>(header.maximum) * most), 255));
  }
  return level;
}

Status readBits(FileBytes& bytes, const Header& header, uint8_t* to) {
  for (int64_t y = 0; y < header.height; ++y) {
    const auto row = bytes.take((header.width + 7) / 8);
    for (int64_t x = 0; x < header.width; ++x) *to++ = row[static_cast<size_t>(x / 8)] >> (7 - x % 8) & 1 ? 0 : 255;
  }
  return {};
}

Status readBitsAsText(FileBytes& bytes, int64_t count, uint8_t* to) {
  while (count > 0) {
    const auto c = bytes.next();
    if (!c) return cutOff();
    if (c == '#') {
      for (auto skipped = bytes.next(); skipped && skipped != '\n' && skipped != '\r';) skipped = bytes.next();
    } else if (c == '0' || c == '1') {
      *to++ = c == '1' ? 0 : 255;
      --count;
    } else if (!isSpace(*c)) {
      return damaged("bits that are neither 0 nor 1");
    }
  }
  return {};
}

Status readSamplesAsText(FileBytes& bytes, const Header& header, int64_t count, uint8_t* to) {
  const std::vector<uint8_t> level = levels(header);
  for (int64_t i = 0; i < count; ++i) {
    BEIT_ASSIGN(const int64_t value, takeNumber(bytes));
    if (value > header.maximum) return damaged("a sample of " + std::to_string(value) + ", more than " + std::to_string(header.maximum));
    *to++ = level[static_cast<size_t>(value)];
  }
  return {};
}

Status readSamples(FileBytes& bytes, const Header& header, uint8_t* to) {
  const std::vector<uint8_t> level = levels(header);
  const int64_t size = header.maximum < 256 ? 1 : 2, pixel = header.depth * size, kept = header.channels() * size;
  const auto samples = bytes.take(header.width * header.height * pixel);
  for (auto at = samples.begin(); at != samples.end(); at += pixel) {
    for (int64_t i = 0; i < kept; i += size) *to++ = level[size == 1 ? at[i] : static_cast<size_t>(at[i]) << 8 | at[i + 1]];
  }
  return {};
}

// The lowest row is the first.
Status readFloats(FileBytes& bytes, const Header& header, uint8_t* to) {
  for (int64_t y = header.height; y-- > 0;) {
    const auto row = bytes.take(header.width * 4);
    for (int64_t x = 0; x < header.width; ++x) {
      uint32_t bits = littleEndian32(row, static_cast<size_t>(x) * 4);
      if (!header.little_endian) bits = bits >> 24 | (bits >> 8 & 0xFF00) | (bits << 8 & 0xFF0000) | bits << 24;
      const auto value = std::bit_cast<float>(bits);
      to[y * header.width + x] = value >= 255 ? 255 : value > 0 ? static_cast<uint8_t>(value) : 0;  // 0 for what is no number
    }
  }
  return {};
}

// The least that the samples take in the file.
int64_t leastBytes(const Header& header) {
  const int64_t samples = header.width * header.height * header.depth;
  switch (header.kind) {
    case '1': return samples;
    case '2':
    case '3': return 2 * samples - 1;  // white space between
    case '4': return (header.width + 7) / 8 * header.height;
    case 'f': return 4 * samples;
    default: return header.maximum < 256 ? samples : 2 * samples;
  }
}

}  // namespace

Result<Image8> readPnm(std::span<const uint8_t> file) {
  FileBytes bytes(file);
  BEIT_ASSIGN(const Header header, readHeader(bytes));
  if (leastBytes(header) > static_cast<int64_t>(bytes.left())) return cutOff();
  BEIT_ASSIGN(Image8 image, Image8::allocate({header.height, header.width}, 3, "the picture of a PNM"));
  const int64_t pixels = header.width * header.height, samples = pixels * header.channels();
  uint8_t* to = image.data.data();
  switch (header.kind) {
    case '1': BEIT_TRY(readBitsAsText(bytes, samples, to)); break;
    case '2':
    case '3': BEIT_TRY(readSamplesAsText(bytes, header, samples, to)); break;
    case '4': BEIT_TRY(readBits(bytes, header, to)); break;
    case 'f': BEIT_TRY(readFloats(bytes, header, to)); break;
    default: BEIT_TRY(readSamples(bytes, header, to));
  }
  if (header.channels() == 1) {  // greys lie at the front: spread from the end, where nothing is in the way
    for (int64_t i = pixels; i-- > 0;) std::memset(to + 3 * i, to[i], 3);
  }
  return image;
}

}  // namespace beit
