#include "src/codecs/tiff.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "src/codecs/cmyk.h"
#include "src/codecs/jpeg.h"
#include "src/codecs/tiff_compression.h"
#include "src/codecs/tiff_directory.h"
#include "src/codecs/tiff_fax.h"
#include "src/image/file_bytes.h"
#include "src/image/image_orientation.h"
#include "src/image/stb_decoder.h"

namespace beit::codecs {
namespace {

// Reference: TIFF 6.0.
enum Tag : uint16_t {
  kImageWidth = 256,
  kImageLength = 257,
  kBitsPerSample = 258,
  kCompression = 259,
  kPhotometric = 262,
  kFillOrder = 266,
  kStripOffsets = 273,
  kOrientation = 274,
  kSamplesPerPixel = 277,
  kRowsPerStrip = 278,
  kStripByteCounts = 279,
  kPlanarConfiguration = 284,
  kT4Options = 292,
  kPredictor = 317,
  kColorMap = 320,
  kTileWidth = 322,
  kTileLength = 323,
  kTileOffsets = 324,
  kTileByteCounts = 325,
  kExtraSamples = 338,
  kSampleFormat = 339,
  kJpegTables = 347,
};
enum : uint64_t {
  kNone = 1,
  kFaxRuns = 2,
  kFaxT4 = 3,
  kFaxT6 = 4,
  kLzw = 5,
  kJpeg = 7,
  kAdobeDeflate = 8,
  kPackBits = 32773,
  kDeflate = 32946
};
enum : uint64_t { kWhiteIsZero = 0, kBlackIsZero = 1, kRgb = 2, kPalette = 3, kCmyk = 5, kYCbCr = 6 };
enum : uint64_t { kUnsigned = 1, kSigned = 2, kFloat = 3 };
constexpr uint64_t kAssociatedAlpha = 1;  // by which colours are multiplied

// Of a strip or a tile. No camera writes as much, and a file may tell any size.
constexpr int64_t kMostPieceBytes = int64_t{1} << 30;
// No compression here makes more of a byte: a code of LZW, 12 bits, stands for 4096 bytes at most.
constexpr int64_t kMostExpansion = 4096;
// Strips and tiles may share bytes, be longer than what they hold, and be larger than the picture. So that a small file does not take
// hours, their samples have at most so many bytes, or so often as many as the picture's, and what is read for them is at most so often the
// file or their samples, whichever is more.
constexpr int64_t kMostSampleBytes = int64_t{1} << 30, kMostTimes = 4;
constexpr size_t kUsualTables = 1024;  // bytes of JPEG's that count for nothing: more than those of a small strip

Error damaged(const std::string& what) { return failure(ErrorCode::kBadImage, "image", "this TIFF is damaged (" + what + ")"); }
Error cutOff() { return failure(ErrorCode::kBadImage, "image", "this TIFF is cut off"); }
Error unsupported(const std::string& got, const std::string& expected) {
  return mismatch(ErrorCode::kUnsupported, "image", "a TIFF " + got, expected);
}

struct Layout {
  int64_t width = 0, height = 0;
  int64_t samples = 0;  // of a pixel
  int64_t kept = 0;     // of those, the first so many
  uint64_t bits = 0, format = 0, compression = 0, photometric = 0, predictor = 0, t4_options = 0;
  bool planar = false, reversed = false, little = true;
  int64_t piece_width = 0, piece_height = 0;  // of a strip or a tile
  std::vector<uint64_t> offsets, counts;

  bool isFax() const { return compression >= kFaxRuns && compression <= kFaxT6; }
  bool isGrey() const { return photometric <= kBlackIsZero; }
  int64_t across() const { return (width + piece_width - 1) / piece_width; }
  int64_t down() const { return (height + piece_height - 1) / piece_height; }
  int64_t samplesOfPiece() const { return planar ? 1 : samples; }
  int64_t rowBytes() const { return (piece_width * samplesOfPiece() * static_cast<int64_t>(bits) + 7) / 8; }
  int64_t pieceBytes() const { return rowBytes() * piece_height; }
  int64_t allBytes() const { return pieceBytes() * across() * down() * (planar ? kept : 1); }
};

const char* nameOfCompression(uint64_t compression) {
  switch (compression) {
    case 6: return " with JPEG of the old form";
    case 34925: return " compressed by LZMA";
    case 50000: return " compressed by Zstandard";
    case 50001: return " compressed by WebP";
    default: return "";
  }
}

Status checkCompression(uint64_t compression) {
  switch (compression) {
    case kNone:
    case kFaxRuns:
    case kFaxT4:
    case kFaxT6:
    case kLzw:
    case kJpeg:
    case kAdobeDeflate:
    case kPackBits:
    case kDeflate: return {};
    default: break;
  }
  const std::string number = std::to_string(compression);
  const std::string name = nameOfCompression(compression);
  return unsupported("file" + (name.empty() ? " of compression " + number : name),
                     "one that is not compressed, or by LZW, Deflate, PackBits, JPEG or as a fax");
}

// Sets what the colours need, and refuses what is not read.
Status readColours(const TiffDirectory& directory, Layout& layout) {
  const std::vector<uint64_t> bits = directory.numbers(kBitsPerSample);
  layout.bits = bits.empty() ? 1 : bits[0];
  if (std::any_of(bits.begin(), bits.end(), [&](uint64_t b) { return b != bits[0]; })) {
    return unsupported("file whose samples have different numbers of bits", "the same number for all");
  }
  layout.format = directory.number(kSampleFormat, kUnsigned);
  layout.photometric = directory.number(kPhotometric, kWhiteIsZero);
  const bool is_ycc = layout.photometric == kYCbCr;
  if (is_ycc && layout.compression != kJpeg) return unsupported("file of the colours YCbCr without JPEG", "grey, RGB, CMYK or a palette");
  if (is_ycc && layout.planar) return unsupported("file of the colours YCbCr in planes", "pixels whose samples lie together");
  int64_t colours = 0;
  switch (layout.photometric) {
    case kWhiteIsZero:
    case kBlackIsZero:
    case kPalette: colours = 1; break;
    case kRgb: colours = 3; break;
    case kYCbCr: colours = layout.samples == 1 ? 1 : 3; break;
    case kCmyk: colours = 4; break;
    default: return unsupported("file of photometric interpretation " + std::to_string(layout.photometric), "grey, RGB, CMYK or a palette");
  }
  if (layout.samples < colours || layout.samples > 8) {
    return damaged(std::to_string(layout.samples) + " samples a pixel for " + std::to_string(colours) + " colours");
  }
  const bool is_grey = layout.isGrey(), is_palette = layout.photometric == kPalette;
  const bool few_bits = layout.bits == 1 || layout.bits == 2 || layout.bits == 4;
  const bool is_known = layout.bits == 8    ? layout.format <= kSigned
                        : layout.bits == 12 ? layout.format == kUnsigned && layout.samples == 1 && layout.photometric == kBlackIsZero
                        : few_bits          ? layout.format == kUnsigned && layout.samples == 1 && (is_grey || is_palette)
                        : layout.bits == 16 && !is_palette ? layout.format == kUnsigned || (layout.format == kSigned && is_grey)
                                                           : layout.bits == 32 && layout.samples == 1 && is_grey && layout.format <= kFloat;
  if (!is_known) {
    return unsupported("file of " + std::to_string(layout.bits) + " bits a sample and sample format " + std::to_string(layout.format),
                       "1 to 16 bits, or grey of 32");
  }
  if (layout.compression == kJpeg && layout.bits != 8) return damaged("JPEG of other than 8 bits");
  if (layout.isFax() && (layout.bits != 1 || layout.samples != 1)) return damaged("a fax of other than black and white");
  // Pillow takes a fourth sample that nothing explains for opacity, too, but that changes no colour.
  const bool has_alpha = colours != 4 && !is_palette && directory.number(kExtraSamples, 0) == kAssociatedAlpha && layout.samples > colours;
  layout.kept = colours + (has_alpha ? 1 : 0);
  return {};
}

Status readPieces(const TiffDirectory& directory, Layout& layout) {
  const bool tiled = directory.number(kTileWidth, 0) != 0;
  const auto side = [&](uint16_t tag, int64_t otherwise) {
    const uint64_t value = directory.number(tag, 0);
    return value == 0 || value > static_cast<uint64_t>(kMaxImageSide) ? otherwise : static_cast<int64_t>(value);
  };
  if (tiled) {
    layout.piece_width = side(kTileWidth, 0);
    layout.piece_height = side(kTileLength, 0);
    if (layout.piece_width == 0 || layout.piece_height == 0) return damaged("tiles without a size");
  } else {
    layout.piece_width = layout.width;
    layout.piece_height = std::min(side(kRowsPerStrip, layout.height), layout.height);
  }
  layout.offsets = directory.numbers(tiled ? kTileOffsets : kStripOffsets);
  layout.counts = directory.numbers(tiled ? kTileByteCounts : kStripByteCounts);
  // Some keep tiles under the strips' names.
  if (tiled && layout.offsets.empty()) {
    layout.offsets = directory.numbers(kStripOffsets);
    layout.counts = directory.numbers(kStripByteCounts);
  }
  const int64_t needed = layout.across() * layout.down() * (layout.planar ? layout.samples : 1);
  const auto found = static_cast<int64_t>(layout.offsets.size());
  if (found < needed) return damaged("it lacks strips or tiles");
  // As Pillow, which reads these by itself: then the rows of a strip are not what the file says.
  if (layout.planar && layout.compression == kNone && found > needed) return damaged("it has more strips or tiles than the picture");
  if (layout.pieceBytes() > kMostPieceBytes) return unsupported("file with strips or tiles of more than 1 GB", "smaller ones");
  const int64_t bytes = layout.width * layout.height * layout.samples * static_cast<int64_t>(layout.bits) / 8;
  if (layout.allBytes() > std::max(kMostSampleBytes, kMostTimes * bytes)) return damaged("tiles that are far larger than the picture");
  return {};
}

Result<Layout> readLayout(const TiffDirectory& directory) {
  constexpr uint16_t kLists[] = {kBitsPerSample,  kStripOffsets, kStripByteCounts, kColorMap,  kTileOffsets,
                                 kTileByteCounts, kExtraSamples, kSampleFormat,    kJpegTables};
  BEIT_TRY(directory.check(kLists));
  Layout layout;
  const uint64_t width = directory.number(kImageWidth, 0), height = directory.number(kImageLength, 0);
  constexpr uint64_t kMostSide = kMaxImagePixels + 1;
  layout.width = static_cast<int64_t>(std::min(width, kMostSide));
  layout.height = static_cast<int64_t>(std::min(height, kMostSide));
  BEIT_TRY(checkPixels(layout.width, layout.height));
  layout.compression = directory.number(kCompression, kNone);
  BEIT_TRY(checkCompression(layout.compression));
  layout.samples = static_cast<int64_t>(std::min<uint64_t>(directory.number(kSamplesPerPixel, 1), 1000));
  layout.planar = layout.samples > 1 && directory.number(kPlanarConfiguration, 1) == 2;
  layout.reversed = directory.number(kFillOrder, 1) == 2;
  layout.predictor = layout.compression == kLzw || layout.compression == kAdobeDeflate || layout.compression == kDeflate
                         ? directory.number(kPredictor, 1)
                         : 1;
  layout.t4_options = directory.number(kT4Options, 0);
  layout.little = directory.isLittleEndian();
  BEIT_TRY(readColours(directory, layout));
  if (layout.predictor > 2 || (layout.predictor == 2 && layout.bits != 8 && layout.bits != 16 && layout.bits != 32)) {
    return unsupported("file with predictor " + std::to_string(layout.predictor) + " for " + std::to_string(layout.bits) + " bits",
                       "none, or differences of 8, 16 or 32 bits");
  }
  BEIT_TRY(readPieces(directory, layout));
  return layout;
}

uint32_t wordAt(const uint8_t* bytes, int64_t size, bool little) {
  uint32_t value = 0;
  for (int64_t i = 0; i < size; ++i) value = value << 8 | bytes[little ? size - 1 - i : i];
  return value;
}

// Takes back that each sample was stored as its difference from the one before.
void sumDifferences(std::span<uint8_t> row, int64_t samples, uint64_t bits, bool little) {
  const auto size = static_cast<int64_t>(bits) / 8;
  const int64_t step = samples * size;
  for (int64_t at = step; at + size <= static_cast<int64_t>(row.size()); at += size) {
    uint32_t sum = wordAt(&row[static_cast<size_t>(at)], size, little) + wordAt(&row[static_cast<size_t>(at - step)], size, little);
    for (int64_t i = 0; i < size; ++i, sum >>= 8) row[static_cast<size_t>(at + (little ? i : size - 1 - i))] = static_cast<uint8_t>(sum);
  }
}

uint8_t clipped(float value) { return value > 0 ? static_cast<uint8_t>(std::min(value, 255.0f)) : 0; }  // also of no number

// Sample `index` of a row as 8 bits: of few bits as it is; of the 16 of a colour the upper ones; of greys of 12 bits and more cut off at
// 255, as Pillow's convert("RGB") does.
uint8_t sampleAt(const uint8_t* row, int64_t index, const Layout& layout) {
  switch (layout.bits) {
    case 8: return row[index];
    case 16: {
      const uint32_t value = wordAt(row + 2 * index, 2, layout.little);
      if (layout.format == kSigned) return clipped(static_cast<float>(static_cast<int16_t>(value)));
      return static_cast<uint8_t>(layout.isGrey() ? std::min<uint32_t>(value, 255) : value >> 8);
    }
    case 12: {  // two in three bytes, whatever the order of bytes
      const uint8_t* at = row + index / 2 * 3;
      const int value = index % 2 ? (at[1] & 15) << 8 | at[2] : at[0] << 4 | at[1] >> 4;
      return static_cast<uint8_t>(std::min(value, 255));
    }
    case 32: {
      const uint32_t value = wordAt(row + 4 * index, 4, layout.little);
      if (layout.format == kFloat) return clipped(std::bit_cast<float>(value));
      return layout.format == kSigned ? clipped(static_cast<float>(static_cast<int32_t>(value))) : clipped(static_cast<float>(value));
    }
    default: {
      const auto bits = static_cast<int64_t>(layout.bits);
      return static_cast<uint8_t>(row[index * bits / 8] >> (8 - bits - index * bits % 8) & ((1 << bits) - 1));
    }
  }
}

uint8_t mirrored(uint8_t byte) {
  uint8_t other = 0;
  for (int i = 0; i < 8; ++i) other = static_cast<uint8_t>(other << 1 | (byte >> i & 1));
  return other;
}

class Reader {
 public:
  Reader(const TiffDirectory& directory, const Layout& layout, Image8& image)
      : directory_(directory),
        layout_(layout),
        image_(image),
        tables_(directory.bytes(kJpegTables)),
        left_to_read_(kMostTimes * std::max(static_cast<int64_t>(directory.file().size()), layout.allBytes())) {}

  Status readAll() {
    const int64_t planes = layout_.planar ? layout_.kept : 1;
    size_t index = 0;
    for (int64_t plane = 0; plane < planes; ++plane) {
      for (int64_t top = 0; top < layout_.height; top += layout_.piece_height) {
        for (int64_t left = 0; left < layout_.width; left += layout_.piece_width) BEIT_TRY(readPiece(index++, plane, top, left));
      }
    }
    return {};
  }

 private:
  Status readPiece(size_t index, int64_t plane, int64_t top, int64_t left) {
    const int64_t rows = std::min(layout_.piece_height, layout_.height - top);
    const int64_t columns = std::min(layout_.piece_width, layout_.width - left);
    const int64_t row_bytes = layout_.rowBytes();
    BEIT_ASSIGN(const std::span<const uint8_t> bytes, decompress(index, rows));
    if (static_cast<int64_t>(bytes.size()) < row_bytes * rows) return cutOff();
    const int64_t channels = layout_.planar ? 1 : layout_.kept;
    for (int64_t y = 0; y < rows; ++y) {
      const uint8_t* row = bytes.data() + y * row_bytes;
      if (layout_.predictor == 2) {
        // In a row of our own, since a file may name the same bytes twice.
        differences_.assign(row, row + row_bytes);
        sumDifferences(differences_, layout_.samplesOfPiece(), layout_.bits, layout_.little);
        row = differences_.data();
      }
      uint8_t* to = image_.row(top + y) + left * image_.channels + plane;
      for (int64_t x = 0; x < columns; ++x, to += image_.channels) {
        for (int64_t c = 0; c < channels; ++c) to[c] = sampleAt(row, x * layout_.samplesOfPiece() + c, layout_);
      }
    }
    return {};
  }

  // Returns a strip's or tile's bytes, valid until the next call.
  Result<std::span<const uint8_t>> decompress(size_t index, int64_t rows) {
    const std::span<const uint8_t> file = directory_.file();
    const uint64_t offset = layout_.offsets[index];
    if (offset >= file.size()) return cutOff();
    const auto needed = static_cast<size_t>(layout_.rowBytes() * rows);
    std::span<const uint8_t> piece = file.subspan(static_cast<size_t>(offset));
    const bool is_raw = layout_.compression == kNone, is_jpeg = layout_.compression == kJpeg;
    // What is not compressed is as long as it is: some programs get its count wrong, and Pillow does not look at it.
    const uint64_t count = is_raw ? std::min(needed, piece.size()) : index < layout_.counts.size() ? layout_.counts[index] : piece.size();
    if (count > piece.size()) return cutOff();
    piece = piece.first(static_cast<size_t>(count));
    left_to_read_ -= static_cast<int64_t>(piece.size() + (is_jpeg && tables_.size() > kUsualTables ? tables_.size() : 0));
    if (left_to_read_ < 0) return damaged("strips or tiles of more bytes than its samples take");
    if (layout_.reversed && !is_jpeg) {  // whose bytes libtiff leaves as they are, too (TIFF_NOBITREV)
      mirrored_.resize(piece.size());
      std::transform(piece.begin(), piece.end(), mirrored_.begin(), mirrored);
      piece = mirrored_;
    }
    if (is_raw) return piece;
    if (is_jpeg) return decompressJpeg(piece);
    if (layout_.isFax()) return decompressFax(piece, rows);
    if (static_cast<int64_t>(needed) / kMostExpansion > static_cast<int64_t>(piece.size())) return cutOff();
    const size_t whole = static_cast<size_t>(layout_.pieceBytes());  // some fill their last strip up
    if (buffer_.size() < whole) {
      BEIT_ASSIGN(buffer_, Buffer<uint8_t>::allocate(static_cast<int64_t>(whole), "a strip or tile of a TIFF"));
    }
    const std::span<uint8_t> out(buffer_.data(), whole);
    size_t written = 0;
    if (layout_.compression == kLzw) {
      if (piece.size() >= 2 && piece[0] == 0 && (piece[1] & 1))
        return Error(unsupported("file of LZW's old form", "LZW of TIFF 5 and later"));
      written = unpackLzw(piece, out);
    } else if (layout_.compression == kPackBits) {
      written = unpackBits(piece, out);
    } else {
      const auto size = inflate(piece, out);
      if (!size) return damaged("its Deflate stream");
      written = *size;
    }
    return std::span<const uint8_t>(buffer_.data(), written);
  }

  Result<std::span<const uint8_t>> decompressFax(std::span<const uint8_t> piece, int64_t rows) {
    if (rows > 8 * static_cast<int64_t>(piece.size())) return cutOff();  // a row takes a bit at least
    const auto needed = layout_.rowBytes() * rows;
    if (static_cast<int64_t>(buffer_.size()) < needed) {
      BEIT_ASSIGN(buffer_, Buffer<uint8_t>::allocate(needed, "a strip or tile of a TIFF"));
    }
    constexpr uint64_t kTwoDimensions = 1;
    const FaxCoding coding{.rows = layout_.compression == kFaxRuns       ? FaxCoding::Rows::kRuns
                                   : layout_.compression == kFaxT6       ? FaxCoding::Rows::kDifferences
                                   : layout_.t4_options & kTwoDimensions ? FaxCoding::Rows::kMarkedMixed
                                                                         : FaxCoding::Rows::kMarkedRuns,
                           .width = layout_.piece_width};
    BEIT_ASSIGN(const int64_t written, unpackFax(piece, coding, rows, {buffer_.data(), static_cast<size_t>(needed)}));
    return std::span<const uint8_t>(buffer_.data(), static_cast<size_t>(layout_.rowBytes() * written));
  }

  Result<std::span<const uint8_t>> decompressJpeg(std::span<const uint8_t> piece) {
    const bool is_ycc = layout_.photometric == kYCbCr && layout_.samplesOfPiece() == 3;
    BEIT_ASSIGN(jpeg_, decodeJpegPiece(tables_, piece, is_ycc));
    if (jpeg_.width != layout_.piece_width || jpeg_.height > layout_.piece_height || jpeg_.channels != layout_.samplesOfPiece()) {
      return damaged("a JPEG in it of " + std::to_string(jpeg_.width) + " x " + std::to_string(jpeg_.height) + " pixels with " +
                     std::to_string(jpeg_.channels) + " samples");
    }
    return std::span<const uint8_t>(jpeg_.data);
  }

  const TiffDirectory& directory_;
  const Layout& layout_;
  Image8& image_;
  std::span<const uint8_t> tables_;
  int64_t left_to_read_;
  Buffer<uint8_t> buffer_;
  std::vector<uint8_t> mirrored_, differences_;
  Image8 jpeg_;
};

// Colours that were multiplied by their opacity.
uint8_t divided(uint8_t colour, uint8_t alpha) { return static_cast<uint8_t>(alpha == 0 ? 0 : std::min(colour * 255 / alpha, 255)); }

// Pixels of `layout.kept` samples to RGB.
Status toRgb(const TiffDirectory& directory, const Layout& layout, Image8& from, Image8& to) {
  std::vector<uint8_t> palette;
  const bool is_palette = layout.photometric == kPalette;
  const auto levels = static_cast<size_t>(1) << std::min<uint64_t>(layout.bits, 8);
  if (is_palette) {
    for (const uint64_t value : directory.numbers(kColorMap)) palette.push_back(static_cast<uint8_t>(value >> 8));
    if (palette.size() < 3 * levels) return damaged("its palette is too short");
  }
  const int scale = layout.bits < 8 && !is_palette ? 255 / (static_cast<int>(levels) - 1) : 1;
  const uint8_t inverted = layout.photometric == kWhiteIsZero && layout.bits <= 8 && layout.format == kUnsigned ? 255 : 0;  // as Pillow
  const int64_t n = from.channels;
  const int64_t colours = n >= 3 ? 3 : 1;
  for (int64_t y = 0; y < layout.height; ++y) {
    uint8_t* in = from.row(y);
    uint8_t* out = to.row(y);
    if (layout.photometric == kCmyk) {
      for (int64_t i = 0; i < 4 * layout.width; ++i) in[i] = static_cast<uint8_t>(255 - in[i]);
      invertedCmykToRgb(in, out, layout.width);
      continue;
    }
    for (int64_t x = 0; x < layout.width; ++x, in += n, out += 3) {
      for (int64_t c = 0; c < 3; ++c) {
        const uint8_t value = in[colours == 3 ? c : 0];
        out[c] = is_palette ? palette[static_cast<size_t>(c) * levels + value] : static_cast<uint8_t>(value * scale ^ inverted);
        if (n > colours) out[c] = divided(out[c], in[colours]);
      }
    }
  }
  return {};
}

}  // namespace

Result<Image8> decodeTiff(std::span<const uint8_t> file) {
  BEIT_ASSIGN(const TiffDirectory directory, TiffDirectory::find(file));
  BEIT_ASSIGN(const Layout layout, readLayout(directory));
  BEIT_ASSIGN(Image8 image, Image8::allocate({layout.height, layout.width}, layout.kept, "the samples of a TIFF"));
  BEIT_TRY(Reader(directory, layout, image).readAll());
  if (layout.kept != 3) {
    BEIT_ASSIGN(Image8 rgb, Image8::allocate({layout.height, layout.width}, 3, "the samples of a TIFF"));
    BEIT_TRY(toRgb(directory, layout, image, rgb));
    image = std::move(rgb);
  }
  const uint64_t orientation = directory.number(kOrientation, 1);
  return makeUpright(std::move(image), orientation <= 8 ? static_cast<int>(orientation) : 1);
}

}  // namespace beit::codecs
