#include "src/image/jpeg_decoder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include "src/image/file_bytes.h"
#include "src/image/jpeg_entropy.h"
#include "src/image/jpeg_kernels.h"
#include "src/image/jpeg_segments.h"

// The parts of stb_image that are used here: reading of headers and tables, and of progressive scans.
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_NO_SIMD
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_MAX_DIMENSIONS (1 << 20)  // kMaxImageSide
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"  // of a static library not all is called
#include <stb_image.h>
#pragma GCC diagnostic pop

namespace beit {
namespace {

static_assert(STBI_MAX_DIMENSIONS == kMaxImageSide);

// Samples of the planes, row by row. Bands hold two rows of MCUs: upsampling reads the row beside the one that it is at.
constexpr int kBandMcus = 2;

// The decoder reads the file in place, and asks these for what is behind it.
const stbi_io_callbacks kBehindEnd{[](void* ran_out, char*, int) { return *static_cast<bool*>(ran_out) = true, 0; },
                                   [](void* ran_out, int) { *static_cast<bool*>(ran_out) = true; }, [](void*) { return 1; }};

class Decoder {
 public:
  explicit Decoder(std::span<const uint8_t> file) : file_(file) {
    context_.io = kBehindEnd;
    context_.io_user_data = &ran_out_;
    context_.read_from_callbacks = 1;
    context_.buflen = sizeof context_.buffer_start;
    // It writes nothing there.
    context_.img_buffer = context_.img_buffer_original = const_cast<uint8_t*>(file.data());
    context_.img_buffer_end = context_.img_buffer_original_end = context_.img_buffer + file.size();
    jpeg_.s = &context_;
    // The only kernel that is called; stbi__setup_jpeg() would link the others.
    jpeg_.idct_block_kernel = [](uint8_t* out, int stride, short* block) { inverseTransform(block, out, stride); };
    stbi__g_failure_reason = "damaged";
  }

  Status run(RowSink& to);

 private:
  Status readHeader();
  Status readScans(RowSink& to);
  Status allocate();
  Status readBaseline(RowSink& to);
  bool readBlock(int component, uint8_t* out);
  void leaveFast();
  void emit(int64_t limit, RowSink& to);
  void upsample(int component, int64_t y);

  bool isWhole() const { return jpeg_.progressive || jpeg_.scan_n < context_.img_n; }
  // Of one component blocks come in rows of their own, whatever its factors.
  int rowsOf(int component) const { return jpeg_.scan_n == 1 ? 8 : 8 * jpeg_.img_comp[component].v; }
  const uint8_t* planeRow(int component, int64_t y) const {
    return jpeg_.img_comp[component].data + y % planes_[component].rows * jpeg_.img_comp[component].w2;
  }
  bool namesTwice() const;
  Error error() const;
  static Error stopped() { return notDecodable(ImageFormat::kJpeg, "the decoder stopped before its end"); }
  bool endsHere() const;

  struct Plane {
    Buffer<uint8_t> samples;
    Buffer<int16_t> coefficients;
    Buffer<uint8_t> line;          // upsampled
    const uint8_t* row = nullptr;  // that, or one of the samples
    int64_t rows = 0;              // that are held
  };

  std::span<const uint8_t> file_;
  bool ran_out_ = false;
  stbi__context context_{};
  stbi__jpeg jpeg_{};
  std::array<Plane, 3> planes_;
  std::array<JpegCodes, 4> dc_, ac_;
  JpegBits bits_;
  bool fast_ = false;  // bits_ has what the decoder's own buffer has otherwise
  bool allocated_ = false;
  int64_t next_row_ = 0;
};

Error Decoder::error() const {
  if (ran_out_) return cutOff(ImageFormat::kJpeg);
  std::string words(stbi__g_failure_reason);
  return notDecodable(ImageFormat::kJpeg, words);
}

// Whether the marker that ends a JPEG is where the decoder is, or close behind.
bool Decoder::endsHere() const {
  constexpr ptrdiff_t kAhead = 128;
  constexpr std::array<uint8_t, 2> kEnd{0xFF, 0xD9};
  const uint8_t *first = file_.data(), *last = first + file_.size();
  const bool inside = context_.img_buffer >= first && context_.img_buffer <= last;
  const uint8_t* at = inside ? context_.img_buffer : last;
  const uint8_t *from = at - std::min<ptrdiff_t>(at - first, 2), *to = at + std::min(last - at, kAhead);
  return std::search(from, to, kEnd.begin(), kEnd.end()) != to;
}

Status Decoder::readHeader() {
  if (!stbi__decode_jpeg_header(&jpeg_, STBI__SCAN_header)) return error();
  const int64_t width = context_.img_x, height = context_.img_y;
  BEIT_TRY(checkPixels(width, height));  // before memory is asked for
  if (ran_out_ || !mayHoldJpeg(width, height, file_.size())) return cutOff(ImageFormat::kJpeg);
  const auto odd = [](const char* kind) { return mismatch(ErrorCode::kUnsupported, "image", kind, "another JPEG"); };
  if (context_.img_n == 4) return odd("JPEG of four colours (CMYK)");
  if (context_.img_n == 3 && width <= 4) return odd("JPEG of four columns or fewer");  // whose colours libjpeg does not smooth

  jpeg_.img_h_max = jpeg_.img_v_max = 1;
  for (int i = 0; i < context_.img_n; ++i) {
    jpeg_.img_h_max = std::max(jpeg_.img_h_max, jpeg_.img_comp[i].h);
    jpeg_.img_v_max = std::max(jpeg_.img_v_max, jpeg_.img_comp[i].v);
  }
  const auto pieces = [](int64_t whole, int piece) { return static_cast<int>((whole + piece - 1) / piece); };
  jpeg_.img_mcu_w = 8 * jpeg_.img_h_max;
  jpeg_.img_mcu_h = 8 * jpeg_.img_v_max;
  jpeg_.img_mcu_x = pieces(width, jpeg_.img_mcu_w);
  jpeg_.img_mcu_y = pieces(height, jpeg_.img_mcu_h);
  for (int i = 0; i < context_.img_n; ++i) {
    auto& component = jpeg_.img_comp[i];
    if (jpeg_.img_h_max % component.h || jpeg_.img_v_max % component.v) {
      return notDecodable(ImageFormat::kJpeg, "factors of its colours that are no multiples");
    }
    component.x = pieces(width * component.h, jpeg_.img_h_max);
    component.y = pieces(height * component.v, jpeg_.img_v_max);
    component.w2 = jpeg_.img_mcu_x * component.h * 8;
    component.h2 = jpeg_.img_mcu_y * component.v * 8;
  }
  return {};
}

// Before the first scan, which shows whether a band will do.
Status Decoder::allocate() {
  for (int i = 0; i < context_.img_n; ++i) {
    auto& component = jpeg_.img_comp[i];
    Plane& plane = planes_[static_cast<size_t>(i)];
    plane.rows = isWhole() ? component.h2 : int64_t{kBandMcus} * rowsOf(i);
    BEIT_ASSIGN(plane.samples, Buffer<uint8_t>::allocate(plane.rows * component.w2, "a JPEG's samples"));
    component.data = plane.samples.data();
    // Scans may leave something out.
    if (isWhole()) std::fill(plane.samples.begin(), plane.samples.end(), uint8_t{0});
    if (jpeg_.progressive) {
      BEIT_ASSIGN(plane.coefficients, Buffer<int16_t>::allocate(plane.rows * component.w2, "a JPEG's coefficients"));
      std::fill(plane.coefficients.begin(), plane.coefficients.end(), int16_t{0});
      component.coeff = plane.coefficients.data();
      component.coeff_w = component.w2 / 8;
      component.coeff_h = component.h2 / 8;
    }
    // As many as the largest factors make of the last sample.
    BEIT_ASSIGN(plane.line, Buffer<uint8_t>::allocate(int64_t{context_.img_x} + 3, "a JPEG's row"));
  }
  allocated_ = true;
  return {};
}

// Has stb_image's decoder go on where bits_ is.
void Decoder::leaveFast() {
  if (!fast_) return;
  bits_.giveBack();
  jpeg_.code_buffer = bits_.bits();
  jpeg_.code_bits = bits_.count();
  context_.img_buffer = const_cast<uint8_t*>(bits_.at());
  fast_ = false;
}

// Reads the next block of a component, and makes its samples.
bool Decoder::readBlock(int component, uint8_t* out) {
  auto& of = jpeg_.img_comp[component];
  const uint8_t *first = file_.data(), *last = first + file_.size();
  if (!fast_ && !jpeg_.nomore && context_.img_buffer >= first && context_.img_buffer < last) {
    bits_ = JpegBits(jpeg_.code_buffer, jpeg_.code_bits, context_.img_buffer, last);
    fast_ = true;
  }
  alignas(16) int16_t block[64];
  auto* dequantize = jpeg_.dequant[of.tq];
  JpegBlock kind = JpegBlock::kNotRead;
  if (fast_) kind = bits_.read(dc_[of.hd], ac_[of.ha], dequantize, of.dc_pred, block);
  if (kind == JpegBlock::kFlat) {
    inverseTransformFlat(block[0], out, of.w2);
    return true;
  }
  if (kind == JpegBlock::kNotRead) {
    leaveFast();
    if (!stbi__jpeg_decode_block(&jpeg_, block, jpeg_.huff_dc + of.hd, jpeg_.huff_ac + of.ha, jpeg_.fast_ac[of.ha], component, dequantize))
      return false;
    if (ran_out_) return false;
  }
  inverseTransform(block, out, of.w2);
  return true;
}

// Reads a scan of one component, or of several in turn.
Status Decoder::readBaseline(RowSink& to) {
  stbi__jpeg_reset(&jpeg_);
  fast_ = false;
  const bool single = jpeg_.scan_n == 1;
  for (int k = 0; k < jpeg_.scan_n; ++k) {
    const auto& of = jpeg_.img_comp[jpeg_.order[k]];
    const auto &dc = jpeg_.huff_dc[of.hd], &ac = jpeg_.huff_ac[of.ha];
    dc_[of.hd].set(dc.size, dc.code, dc.values);
    ac_[of.ha].set(ac.size, ac.code, ac.values);
  }
  const auto& only = jpeg_.img_comp[jpeg_.order[0]];
  const int rows = single ? (only.y + 7) / 8 : jpeg_.img_mcu_y, columns = single ? (only.x + 7) / 8 : jpeg_.img_mcu_x;
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column) {
      for (int k = 0; k < jpeg_.scan_n; ++k) {
        const int component = jpeg_.order[k];
        const auto& of = jpeg_.img_comp[component];
        const int high = single ? 1 : of.v, wide = single ? 1 : of.h;
        for (int y = 0; y < high; ++y) {
          uint8_t* out = const_cast<uint8_t*>(planeRow(component, (int64_t{row} * high + y) * 8)) + column * wide * 8;
          for (int x = 0; x < wide; ++x, out += 8)
            if (!readBlock(component, out)) return error();
        }
      }
      if (--jpeg_.todo > 0) continue;
      leaveFast();
      if (jpeg_.code_bits < 24) stbi__grow_buffer_unsafe(&jpeg_);
      if (STBI__RESTART(jpeg_.marker)) stbi__jpeg_reset(&jpeg_);
      else if (row + 1 < rows || column + 1 < columns) return ran_out_ ? error() : stopped();
    }
    if (!isWhole()) emit(row + 1 < rows ? int64_t{row + 1} * (single ? 8 : jpeg_.img_mcu_h) - jpeg_.img_v_max / 2 : context_.img_y, to);
  }
  leaveFast();
  return {};
}

// Whether a scan has a component twice: of a band another would be shown that was never written.
bool Decoder::namesTwice() const {
  const int *first = jpeg_.order, *last = first + jpeg_.scan_n;
  return std::any_of(first, last, [=](int component) { return std::count(first, last, component) > 1; });
}

Status Decoder::readScans(RowSink& to) {
  int marker = stbi__get_marker(&jpeg_), scans = 0;
  while (!stbi__EOI(marker)) {
    if (stbi__SOS(marker)) {
      if (++scans > kMostJpegScans) return tooManyScans();
      if (!stbi__process_scan_header(&jpeg_)) return error();
      if (namesTwice()) return notDecodable(ImageFormat::kJpeg, "a scan that has a colour twice");
      if (!allocated_) BEIT_TRY(allocate());
      else if (!jpeg_.progressive && next_row_ > 0) return notDecodable(ImageFormat::kJpeg, "more scans than one");
      if (!jpeg_.progressive) {
        BEIT_TRY(readBaseline(to));
      } else if (!stbi__parse_entropy_coded_data(&jpeg_)) {
        return error();
      }
      if (jpeg_.marker == STBI__MARKER_none) jpeg_.marker = stbi__skip_jpeg_junk_at_end(&jpeg_);
      marker = stbi__get_marker(&jpeg_);
      if (STBI__RESTART(marker)) marker = stbi__get_marker(&jpeg_);
    } else if (stbi__DNL(marker)) {
      const int length = stbi__get16be(&context_), rows = stbi__get16be(&context_);
      if (length != 4 || rows != static_cast<int>(context_.img_y)) return notDecodable(ImageFormat::kJpeg, "bad DNL height");
      marker = stbi__get_marker(&jpeg_);
    } else {
      if (!stbi__process_marker(&jpeg_, marker)) {
        if (ran_out_ || !allocated_) return error();
        if (jpeg_.progressive || !endsHere()) return stopped();
        return {};
      }
      marker = stbi__get_marker(&jpeg_);
    }
  }
  return ran_out_ || !allocated_ ? error() : Status();
}

// Makes plane.row of what row `y` of the picture is made of.
void Decoder::upsample(int component, int64_t y) {
  const auto& of = jpeg_.img_comp[component];
  Plane& plane = planes_[static_cast<size_t>(component)];
  const int across = jpeg_.img_h_max / of.h, down = jpeg_.img_v_max / of.v;
  const int64_t step = (y + down / 2) / down, last = of.y - 1;
  const uint8_t* near = planeRow(component, std::min(step, last));
  const uint8_t* far = planeRow(component, std::clamp<int64_t>(step - 1, 0, last));
  if ((y + down / 2) % down < down / 2) std::swap(near, far);
  const int count = static_cast<int>((context_.img_x + static_cast<unsigned>(across) - 1) / static_cast<unsigned>(across));
  uint8_t* line = plane.line.data();
  plane.row = line;
  if (across == 1 && down == 1) plane.row = near;
  else if (across == 2 && down <= 2) upsampleRow(near, down == 2 ? far : nullptr, count, line);
  else if (across == 1 && down == 2) stbi__resample_row_v_2(line, const_cast<uint8_t*>(near), const_cast<uint8_t*>(far), count, across);
  else stbi__resample_row_generic(line, const_cast<uint8_t*>(near), nullptr, count, across);
}

// Hands out the rows before `limit`.
void Decoder::emit(int64_t limit, RowSink& to) {
  // As libjpeg has it (jdapimin.c, default_decompress_parms): JFIF implies YCbCr, then Adobe's marker counts, and the names R, G and B
  // only where there is neither.
  const int transform = jpeg_.app14_color_transform;  // negative without Adobe's marker
  const bool is_rgb = !jpeg_.jfif && (transform == 0 || (transform < 0 && jpeg_.rgb == 3));
  for (; next_row_ < limit; ++next_row_) {
    for (int i = 0; i < context_.img_n; ++i) upsample(i, next_row_);
    const uint8_t *a = planes_[0].row, *b = planes_[1].row, *c = planes_[2].row;
    uint8_t* out = to.row();
    if (context_.img_n == 3 && !is_rgb) {
      colorRow(a, b, c, context_.img_x, out);
    } else {
      if (context_.img_n == 1) b = c = a;
      for (size_t x = 0; x < context_.img_x; ++x, out += 3) {
        out[0] = a[x];
        out[1] = b[x];
        out[2] = c[x];
      }
    }
    to.take();
  }
}

Status Decoder::run(RowSink& to) {
  BEIT_TRY(readHeader());
  const Size size{context_.img_y, context_.img_x};
  BEIT_TRY(to.begin(size, 3));
  BEIT_TRY(readScans(to));
  if (jpeg_.progressive) stbi__jpeg_finish(&jpeg_);
  emit(size.height, to);
  return {};
}

}  // namespace

Status decodeJpeg(std::span<const uint8_t> file, RowSink& to) {
  const std::unique_ptr<Decoder> decoder(new (std::nothrow) Decoder(file));
  if (!decoder) return failure(ErrorCode::kOutOfMemory, "image", "no memory to decode this JPEG");
  return decoder->run(to);
}

}  // namespace beit
