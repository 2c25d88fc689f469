#include "src/image/gif_reader.h"

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <optional>

#include "src/image/file_bytes.h"

namespace beit {
namespace {

constexpr int kMostBits = 12;  // of a code
constexpr int kMostCodes = 1 << kMostBits;

Error cutOff() { return cutOff(ImageFormat::kGif); }
Error damaged(const char* reason) { return notDecodable(ImageFormat::kGif, reason); }

// The colours of all 256 indices. Those that a palette lacks are black; without a palette, or with
// one that gives every index the grey of its own value, an index is a grey.
using Palette = std::array<std::array<uint8_t, 3>, 256>;

Palette greys() {
  Palette palette;
  for (size_t i = 0; i < palette.size(); ++i) palette[i].fill(static_cast<uint8_t>(i));
  return palette;
}

bool isGrey(std::span<const uint8_t> colours) {
  for (size_t i = 0; i < colours.size(); ++i)
    if (colours[i] != i / 3) return false;
  return true;
}

Palette paletteOf(std::span<const uint8_t> colours) {
  if (isGrey(colours)) return greys();
  Palette palette{};
  for (size_t i = 0; i < colours.size(); ++i) palette[i / 3][i % 3] = colours[i];
  return palette;
}

struct Frame {
  int64_t canvas_width = 0, canvas_height = 0;
  int64_t left = 0, top = 0, width = 0, height = 0;
  bool interlaced = false;
  int code_bits = 0;
  Palette palette = greys();
  int transparent = -1;  // the index, if there is one
};

// One block: its size, then as many bytes. Empty at the end of a chain of blocks, and of the file.
std::span<const uint8_t> takeBlock(FileBytes& bytes) { return bytes.take(bytes.next().value_or(0)); }

void skipBlocks(FileBytes& bytes) {
  while (!takeBlock(bytes).empty()) {
  }
}

// Reads an extension from its label on.
Status readExtension(FileBytes& bytes, Frame& frame) {
  constexpr uint8_t kGraphicControl = 0xF9;
  const auto label = bytes.next();
  if (!label) return cutOff();
  const auto block = takeBlock(bytes);
  if (label == kGraphicControl && !block.empty()) {
    const bool transparent = block[0] & 1;
    if (block.size() < (transparent ? 4u : 3u)) return damaged("a graphic control extension that is too short");
    if (transparent) frame.transparent = block[3];
  }
  if (!block.empty()) skipBlocks(bytes);
  return {};
}

// Reads all that comes before the first frame's codes.
Result<Frame> readHeader(FileBytes& bytes) {
  constexpr uint8_t kExtension = '!', kImage = ',', kTrailer = ';', kHasPalette = 0x80, kInterlaced = 0x40;
  Frame frame;
  const auto screen = bytes.take(13);
  if (screen.size() < 13) return cutOff();
  frame.canvas_width = littleEndian16(screen, 6);
  frame.canvas_height = littleEndian16(screen, 8);
  if (screen[10] & kHasPalette) frame.palette = paletteOf(bytes.take(int64_t{3} << ((screen[10] & 7) + 1)));

  // Bytes that begin neither an extension nor an image are passed over.
  for (std::optional<uint8_t> kind; kind != kImage;) {
    kind = bytes.next();
    if (!kind) return cutOff();
    if (kind == kTrailer) return damaged("no picture before its end");
    if (kind == kExtension) BEIT_TRY(readExtension(bytes, frame));
  }
  const auto image = bytes.take(9);
  if (image.size() < 9) return cutOff();
  frame.left = littleEndian16(image, 0);
  frame.top = littleEndian16(image, 2);
  frame.width = littleEndian16(image, 4);
  frame.height = littleEndian16(image, 6);
  frame.interlaced = image[8] & kInterlaced;
  if (image[8] & kHasPalette) frame.palette = paletteOf(bytes.take(int64_t{3} << ((image[8] & 7) + 1)));
  const auto bits = bytes.next();
  if (!bits) return cutOff();
  if (*bits > kMostBits) return damaged("codes of more than 12 bits");
  frame.code_bits = *bits;
  frame.canvas_width = std::max(frame.canvas_width, frame.left + frame.width);
  frame.canvas_height = std::max(frame.canvas_height, frame.top + frame.height);
  return frame;
}

// Bits from a chain of blocks, the lowest first. A block counts once it is there as a whole.
class Bits {
 public:
  explicit Bits(FileBytes bytes) : bytes_(bytes) {}

  std::optional<int> take(int count) {
    while (held_ < count) {
      if (block_.empty()) {
        const auto size = bytes_.next();
        if (!size || *size > bytes_.left()) return std::nullopt;
        block_ = bytes_.take(*size);
        continue;
      }
      bits_ |= static_cast<uint32_t>(block_[0]) << held_;
      held_ += 8;
      block_ = block_.subspan(1);
    }
    const auto value = static_cast<int>(bits_ & ((1u << count) - 1));
    bits_ >>= count;
    held_ -= count;
    return value;
  }

 private:
  FileBytes bytes_;
  std::span<const uint8_t> block_;
  uint32_t bits_ = 0;
  int held_ = 0;
};

// Where the next index of a frame goes: along its rows, of which an interlaced frame has first every
// eighth, then those between, then those between these.
class Cursor {
 public:
  Cursor(const Frame& frame, uint8_t* indices)
      : width_(frame.width), height_(frame.height), indices_(indices), pass_(frame.interlaced ? 0 : 4) {}

  bool full() const { return y_ >= height_; }

  void put(uint8_t index) {
    indices_[y_ * width_ + x_] = index;
    if (++x_ < width_) return;
    x_ = 0;
    y_ += kStep[pass_];
    while (y_ >= height_ && pass_ < 3) y_ = kStart[++pass_];
  }

 private:
  static constexpr int64_t kStart[] = {0, 4, 2, 1, 0}, kStep[] = {8, 8, 4, 2, 1};
  int64_t width_, height_, x_ = 0, y_ = 0;
  uint8_t* indices_;
  size_t pass_;
};

// LZW. A code stands for a string: the string of `link` and one index more.
struct Table {
  std::array<int16_t, kMostCodes> link;
  std::array<uint8_t, kMostCodes> last;
  std::array<uint8_t, kMostCodes> string;  // of one code, filled from its end
};

Status decodeFrame(const Frame& frame, FileBytes bytes, uint8_t* indices) {
  const std::unique_ptr<Table> table(new (std::nothrow) Table);
  if (!table) return outOfMemory("the codes of a GIF", 1, sizeof(Table));
  const int clear = 1 << frame.code_bits, end = clear + 1;
  Bits bits(bytes);
  Cursor cursor(frame, indices);
  int next = 0, size = 0, previous = -1;
  uint8_t first = 0;  // index of the last string
  const auto reset = [&] {
    next = clear + 2;
    size = frame.code_bits + 1;
    previous = -1;
  };
  reset();
  while (!cursor.full()) {
    const auto taken = bits.take(size);
    if (!taken || taken == end) return cutOff();
    const int code = *taken;
    if (code == clear) {
      reset();
      continue;
    }
    if (previous < 0) {
      if (code > clear) return damaged("a code before it is defined");
      previous = code;
      first = static_cast<uint8_t>(code);
      cursor.put(first);
      continue;
    }
    if (code > next) return damaged("a code before it is defined");
    size_t from = table->string.size();
    int part = code;
    if (code == next) {  // the string that this very code defines: the last one, and its own first index again
      table->string[--from] = first;
      part = previous;
    }
    while (part >= clear) {
      if (from == 0 || part >= kMostCodes) return damaged("a code before it is defined");
      table->string[--from] = table->last[static_cast<size_t>(part)];
      part = table->link[static_cast<size_t>(part)];
    }
    first = static_cast<uint8_t>(part);
    if (next < kMostCodes) {  // a full table stays as it is until it is cleared
      table->last[static_cast<size_t>(next)] = first;
      table->link[static_cast<size_t>(next)] = static_cast<int16_t>(previous);
      if (next == (1 << size) - 1 && size < kMostBits) ++size;
      ++next;
    }
    previous = code;
    cursor.put(first);
    for (; from < table->string.size() && !cursor.full(); ++from) cursor.put(table->string[from]);
  }
  return {};
}

}  // namespace

Result<Image8> readGif(std::span<const uint8_t> file) {
  FileBytes bytes(file);
  BEIT_ASSIGN(const Frame frame, readHeader(bytes));
  BEIT_TRY(checkPixels(frame.canvas_width, frame.canvas_height));
  if (frame.width < 1 || frame.height < 1) return damaged("a frame without pixels");
  // A code has a bit at least, and a string 4097 indices at most: a size that the bytes cannot fill asks for no memory.
  const int64_t pixels = frame.width * frame.height;
  if (pixels / (kMostCodes + 1) > static_cast<int64_t>(bytes.left()) * 8) return cutOff();
  BEIT_ASSIGN(Buffer<uint8_t> indices, Buffer<uint8_t>::allocate(pixels, "the indices of a GIF"));
  BEIT_TRY(decodeFrame(frame, bytes, indices.data()));

  BEIT_ASSIGN(Image8 image, Image8::allocate({frame.canvas_height, frame.canvas_width}, 3, "the picture of a GIF"));
  if (frame.width < frame.canvas_width || frame.height < frame.canvas_height) {
    image.fill(frame.palette[static_cast<size_t>(std::max(frame.transparent, 0))]);
  }
  const uint8_t* from = indices.data();
  for (int64_t y = 0; y < frame.height; ++y) {
    uint8_t* to = image.row(frame.top + y) + frame.left * 3;
    for (int64_t x = 0; x < frame.width; ++x, to += 3) {
      const auto& colour = frame.palette[*from++];
      for (size_t c = 0; c < 3; ++c) to[c] = colour[c];
    }
  }
  return image;
}

}  // namespace beit
