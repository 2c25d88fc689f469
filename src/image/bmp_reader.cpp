#include "src/image/bmp_reader.h"

#include <algorithm>
#include <array>
#include <string>

#include "src/image/file_bytes.h"

namespace beit {
namespace {

Error cutOff() { return cutOff(ImageFormat::kBmp); }
Error damaged(const std::string& reason) { return notDecodable(ImageFormat::kBmp, reason); }

enum Compression : uint32_t { kRaw = 0, kRle8 = 1, kRle4 = 2, kBitfields = 3 };

// Where red, green and blue lie among the bits of a pixel.
struct Layout {
  uint32_t bits;
  std::array<uint32_t, 4> masks;  // red, green, blue, opacity
};

// Those that Pillow knows; the opacity of 16 and 24 bits does not count.
constexpr Layout kLayouts[] = {{32, {0xFF0000, 0xFF00, 0xFF, 0}},
                               {32, {0xFF000000, 0xFF0000, 0xFF00, 0}},
                               {32, {0xFF000000, 0xFF00, 0xFF, 0}},
                               {32, {0xFF000000, 0xFF0000, 0xFF00, 0xFF}},
                               {32, {0xFF, 0xFF00, 0xFF0000, 0xFF000000}},
                               {32, {0xFF0000, 0xFF00, 0xFF, 0xFF000000}},
                               {32, {0xFF000000, 0xFF00, 0xFF, 0xFF0000}},
                               {24, {0xFF0000, 0xFF00, 0xFF, 0}},
                               {16, {0xF800, 0x7E0, 0x1F, 0}},
                               {16, {0x7C00, 0x3E0, 0x1F, 0}}};
constexpr std::array<uint32_t, 4> kDefault{0xFF0000, 0xFF00, 0xFF, 0}, kFiveBits{0x7C00, 0x3E0, 0x1F, 0};

struct Header {
  int64_t width = 0, height = 0;
  bool from_top = false;
  uint32_t bits = 0;
  uint32_t compression = kRaw;
  std::array<uint32_t, 4> masks = kDefault;
  std::array<std::array<uint8_t, 3>, 256> palette{};
  uint32_t index_bits = 0;  // of an index into it
  size_t pixels_at = 0;
};

// Reads the masks of the bits, which lie in the header or, where that is too short, behind it.
Status readMasks(std::span<const uint8_t> info, FileBytes& bytes, Header& header) {
  const bool inside = info.size() >= 52;
  const auto masks = inside ? info.subspan(40) : bytes.take(12);
  if (masks.size() < 12) return cutOff();
  header.masks.fill(0);
  const size_t count = inside && info.size() >= 56 ? 4 : 3;
  for (size_t i = 0; i < count; ++i) header.masks[i] = littleEndian32(masks, 4 * i);
  if (header.bits != 32) header.masks[3] = 0;
  if (header.bits == 32 && header.masks == std::array<uint32_t, 4>{}) header.masks = kDefault;  // none at all
  for (const Layout& layout : kLayouts)
    if (layout.bits == header.bits && layout.masks == header.masks) return {};
  return damaged("masks of bits that are not in use");
}

// Reads the colours. Where each index has the grey of its own value, Pillow takes the picture for a grey one without a
// palette, whose pixels have 8 bits, or 1 where there are two colours: whatever the header says.
Status readPalette(FileBytes& bytes, int64_t colours, size_t colour_bytes, Header& header) {
  if (colours < 1 || colours > 65536) return damaged("a palette of " + std::to_string(colours) + " colours");
  const auto entries = bytes.take(colours * static_cast<int64_t>(colour_bytes));
  bool grey = entries.size() == static_cast<size_t>(colours) * colour_bytes;
  for (size_t i = 0; grey && i < static_cast<size_t>(colours); ++i) {
    const auto level = static_cast<uint8_t>(colours == 2 ? i * 255 : i);
    for (size_t c = 0; c < 3; ++c) grey = grey && entries[i * colour_bytes + c] == level;
  }
  header.index_bits = header.bits;
  if (grey) {
    header.index_bits = colours <= 2 ? 1 : 8;
    for (size_t i = 0; i < 256; ++i) header.palette[i].fill(static_cast<uint8_t>(colours <= 2 && i ? 255 : i));
    return {};
  }
  if (colours > 256) return damaged("a palette of " + std::to_string(colours) + " colours");
  for (size_t i = 0; (i + 1) * colour_bytes <= entries.size(); ++i)
    for (size_t c = 0; c < 3; ++c) header.palette[i][c] = entries[i * colour_bytes + 2 - c];
  return {};
}

Result<Header> readHeader(std::span<const uint8_t> file) {
  FileBytes bytes(file);
  // A DIB, as a clipboard has it, begins with what is a BMP's second header.
  const bool is_dib = file.size() < 2 || file[0] != 'B' || file[1] != 'M';
  const size_t start_size = is_dib ? 0 : 14;
  const auto start = bytes.take(static_cast<int64_t>(start_size)), size = bytes.take(4);
  if (size.size() < 4) return cutOff();
  const uint32_t info_size = littleEndian32(size, 0);
  constexpr uint32_t kOs2 = 12, kSizes[] = {kOs2, 40, 52, 56, 64, 108, 124};
  if (std::find(std::begin(kSizes), std::end(kSizes), info_size) == std::end(kSizes)) {
    return damaged("a header of " + std::to_string(info_size) + " bytes");
  }
  // With its size, so that the offsets are those of the documentation.
  const auto info = file.subspan(start_size, std::min<size_t>(info_size, file.size() - start_size));
  if (bytes.take(info_size - 4).size() < info_size - 4) return cutOff();

  Header header;
  int64_t colours = 0;
  if (info_size == kOs2) {
    header.width = littleEndian16(info, 4);
    header.height = littleEndian16(info, 6);
    header.bits = littleEndian16(info, 10);
  } else {
    header.width = littleEndian32(info, 4);
    header.height = littleEndian32(info, 8);
    header.from_top = info[11] == 0xFF;
    if (header.from_top) header.height = (int64_t{1} << 32) - header.height;
    header.bits = littleEndian16(info, 14);
    header.compression = littleEndian32(info, 16);
    colours = littleEndian32(info, 32);
  }
  BEIT_TRY(checkPixels(header.width, header.height));
  constexpr uint32_t kDepths[] = {1, 4, 8, 16, 24, 32};
  if (std::find(std::begin(kDepths), std::end(kDepths), header.bits) == std::end(kDepths)) {
    return damaged(std::to_string(header.bits) + " bits a pixel");
  }
  const bool indexed = header.bits <= 8;
  if (header.bits == 16) header.masks = kFiveBits;
  switch (header.compression) {
    case kRaw: break;
    case kBitfields: BEIT_TRY(readMasks(info, bytes, header)); break;
    case kRle8:
    case kRle4:
      if (!indexed) return damaged("run lengths of pixels without a palette");
      break;
    default: return damaged("compression " + std::to_string(header.compression));
  }
  const size_t colour_bytes = info_size == kOs2 ? 3 : 4;
  if (indexed) {
    if (colours == 0) colours = int64_t{1} << header.bits;
    BEIT_TRY(readPalette(bytes, colours, colour_bytes, header));
  }
  // The file says where its pixels are. Some say "behind the header", where their palette is.
  int64_t offset = is_dib ? 0 : littleEndian32(start, 10);
  if (indexed && offset == 14 + int64_t{info_size}) offset += static_cast<int64_t>(colour_bytes) * colours;
  header.pixels_at = offset ? static_cast<size_t>(std::min(offset, static_cast<int64_t>(file.size()))) : bytes.at();
  return header;
}

// The indices of a run-length coded picture, the lowest row first.
Result<Buffer<uint8_t>> readRuns(const Header& header, std::span<const uint8_t> file) {
  FileBytes bytes(file, header.pixels_at);
  const int64_t width = header.width, pixels = width * header.height;
  // Two bytes make 255 pixels at most, but four may skip 255 rows.
  if (header.height / 255 > static_cast<int64_t>(bytes.left())) return cutOff();
  BEIT_ASSIGN(Buffer<uint8_t> indices, Buffer<uint8_t>::allocate(pixels, "the indices of a BMP"));
  const bool rle4 = header.compression == kRle4;
  int64_t done = 0;  // pixels
  int64_t x = 0;     // as the runs count it, which may be beyond the row
  const auto put = [&](uint8_t index) {
    if (done < pixels) indices[static_cast<size_t>(done++)] = index;
  };
  // A few bytes may pass over a whole picture, so this is not done one by one.
  const auto fill = [&](uint8_t index, int64_t count) {
    count = std::min(count, pixels - done);
    std::fill_n(indices.data() + done, count, index);
    done += count;
  };
  while (done < pixels) {
    const auto count = bytes.next(), value = bytes.next();
    if (!count || !value) return cutOff();
    if (*count) {  // a run, which ends with its row
      const int64_t run = std::clamp<int64_t>(width - x, 0, *count);
      if (!rle4) fill(*value, run);
      else
        for (int64_t i = 0; i < run; ++i) put(i % 2 ? *value & 15 : *value >> 4);
      x += run;
    } else if (*value == 0) {  // the end of a row
      if (done % width) fill(0, width - done % width);
      x = 0;
    } else if (*value == 1) {  // the end
      return cutOff();
    } else if (*value == 2) {  // so many pixels to the right, so many rows up
      const auto right = bytes.next(), up = bytes.next();
      if (!right || !up) return cutOff();
      fill(0, *right + *up * width);
      x = done % width;
    } else {  // so many pixels as they are
      const int64_t literal = std::min<int64_t>(pixels - done, *value);
      const int64_t size = rle4 ? (literal + 1) / 2 : literal;
      const auto taken = bytes.take(size);
      if (static_cast<int64_t>(taken.size()) < size) return cutOff();
      for (int64_t i = 0; i < literal; ++i) {
        const uint8_t byte = taken[static_cast<size_t>(rle4 ? i / 2 : i)];
        put(!rle4 ? byte : i % 2 ? byte & 15 : byte >> 4);
      }
      x += *value;
      if (bytes.at() % 2) bytes.next();  // they fill words
    }
  }
  return indices;
}

// The samples of one colour: where it lies, and what its levels become.
struct Channel {
  int shift = 0;
  uint32_t most = 0;
  std::array<uint8_t, 256> level;

  explicit Channel(uint32_t mask) {
    while (!(mask >> shift & 1)) ++shift;
    most = mask >> shift;
    for (uint32_t i = 0; i <= most; ++i) level[i] = static_cast<uint8_t>(i * 255 / most);
  }
  uint8_t of(uint32_t pixel) const { return level[pixel >> shift & most]; }
};

}  // namespace

Result<Image8> readBmp(std::span<const uint8_t> file) {
  BEIT_ASSIGN(const Header header, readHeader(file));
  const bool indexed = header.index_bits > 0;
  const bool runs = header.compression == kRle8 || header.compression == kRle4;
  Buffer<uint8_t> indices;
  std::span<const uint8_t> rows;
  int64_t stride = header.width;
  const int64_t bits = indexed ? header.index_bits : header.bits;
  if (runs) {
    BEIT_ASSIGN(indices, readRuns(header, file));
    rows = indices;
  } else {
    rows = file.subspan(header.pixels_at);
    stride = (header.width * header.bits + 31) / 32 * 4;
    const int64_t used = (header.width * bits + 7) / 8;
    if (used > stride) return damaged("rows that are shorter than their pixels");
    if (stride * (header.height - 1) + used > static_cast<int64_t>(rows.size())) return cutOff();
  }
  BEIT_ASSIGN(Image8 image, Image8::allocate({header.height, header.width}, 3, "the picture of a BMP"));
  const Channel channels[3] = {Channel(header.masks[0]), Channel(header.masks[1]), Channel(header.masks[2])};
  const int64_t index_bits = runs ? 8 : bits;
  for (int64_t y = 0; y < header.height; ++y) {
    const uint8_t* from = rows.data() + stride * y;
    uint8_t* to = image.row(header.from_top ? y : header.height - 1 - y);
    for (int64_t x = 0; x < header.width; ++x, to += 3) {
      if (indexed) {
        const int64_t bit = index_bits * x;
        const int index = index_bits == 8 ? from[x] : from[bit / 8] >> (8 - index_bits - bit % 8) & ((1 << index_bits) - 1);
        const auto& colour = header.palette[static_cast<size_t>(index)];
        for (size_t c = 0; c < 3; ++c) to[c] = colour[c];
        continue;
      }
      uint32_t pixel = 0;
      for (int64_t i = 0; i < bits / 8; ++i) pixel |= static_cast<uint32_t>(from[bits / 8 * x + i]) << 8 * i;
      for (int c = 0; c < 3; ++c) to[c] = channels[c].of(pixel);
    }
  }
  return image;
}

}  // namespace beit
