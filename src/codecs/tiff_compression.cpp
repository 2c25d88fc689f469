#include "src/codecs/tiff_compression.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace beit::codecs {

size_t unpackBits(std::span<const uint8_t> packed, std::span<uint8_t> out) {
  size_t at = 0, written = 0;
  while (at < packed.size() && written < out.size()) {
    const uint8_t head = packed[at++];
    if (head == 128) continue;  // nothing
    if (head < 128) {
      const size_t count = std::min({size_t{head} + 1, packed.size() - at, out.size() - written});
      std::copy_n(packed.begin() + static_cast<ptrdiff_t>(at), count, out.begin() + static_cast<ptrdiff_t>(written));
      at += count;
      written += count;
    } else if (at < packed.size()) {
      const size_t count = std::min(size_t{257} - head, out.size() - written);
      std::fill_n(out.begin() + static_cast<ptrdiff_t>(written), count, packed[at++]);
      written += count;
    }
  }
  return written;
}

size_t unpackLzw(std::span<const uint8_t> packed, std::span<uint8_t> out) {
  constexpr uint32_t kClear = 256, kEnd = 257, kFirst = 258, kMost = 4096;
  constexpr int kLeastBits = 9, kMostBits = 12;
  // What an entry stands for was written once already: at `start`, so many bytes.
  struct Entry {
    size_t start, length;
  };
  std::array<Entry, kMost> table;
  uint32_t next = kFirst;
  int bits = kLeastBits;
  Entry previous{0, 0};
  uint32_t buffer = 0;
  int available = 0;
  size_t at = 0, written = 0;
  while (written < out.size()) {
    while (available < bits) {
      if (at == packed.size()) return written;
      buffer = buffer << 8 | packed[at++];
      available += 8;
    }
    const uint32_t code = buffer >> (available - bits) & ((1u << bits) - 1);
    available -= bits;
    if (code == kEnd) return written;
    if (code == kClear) {
      next = kFirst;
      bits = kLeastBits;
      previous = {0, 0};
      continue;
    }
    const size_t start = written;
    if (code < kClear) {
      out[written++] = static_cast<uint8_t>(code);
    } else {
      // The entry that this very code makes: the previous one with its own first byte behind it, which lies there already.
      const Entry entry = code < next ? table[code] : Entry{previous.start, previous.length + 1};
      if (code > next || previous.length == 0) return written;  // damaged
      const size_t count = std::min(entry.length, out.size() - written);
      for (size_t i = 0; i < count; ++i) out[written + i] = out[entry.start + i];  // they may overlap
      written += count;
    }
    if (previous.length > 0 && next < kMost) {
      table[next++] = {previous.start, previous.length + 1};
      if (next + 1 >= (1u << bits) && bits < kMostBits) ++bits;
    }
    previous = {start, written - start};
  }
  return written;
}

}  // namespace beit::codecs
