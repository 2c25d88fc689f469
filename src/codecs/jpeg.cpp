#include "src/codecs/jpeg.h"

#include <cstddef>
#include <cstdio>  // which jpeglib.h expects
#include <string>
#include <vector>

#include <jpeglib.h>

#include <jerror.h>

#include "src/codecs/cmyk.h"
#include "src/image/file_bytes.h"
#include "src/image/image_orientation.h"
#include "src/image/jpeg_segments.h"

namespace beit::codecs {
namespace {

// What the library's error_exit, which may not return, is left by. Its frames are C's and have nothing to clean up.
struct Refused {
  int code;
};
struct TooManyScans {};

Error refusal(int code) {
  switch (code) {
    case JERR_OUT_OF_MEMORY: return failure(ErrorCode::kOutOfMemory, "image", "no memory to decode this JPEG");
    case JERR_BAD_PRECISION: return mismatch(ErrorCode::kUnsupported, "image", "a JPEG of more than 8 bits", "8 bits");
    case JERR_SOF_UNSUPPORTED: return failure(ErrorCode::kUnsupported, "image", "this JPEG is lossless or hierarchical, which is not read");
    default: return failure(ErrorCode::kBadImage, "image", "this JPEG is damaged (libjpeg's error " + std::to_string(code) + ")");
  }
}

Error cutOff() { return failure(ErrorCode::kBadImage, "image", "this JPEG is cut off"); }

// Whether a file may have a picture of its size, and the bytes for it.
Status checkLength(const jpeg_decompress_struct& jpeg, size_t bytes) {
  BEIT_TRY(checkPixels(jpeg.image_width, jpeg.image_height));
  return jpeg.arith_code || mayHoldJpeg(jpeg.image_width, jpeg.image_height, bytes) ? Status() : cutOff();
}

// The decompressor, with the file as its source. At the file's end the library is told to wait, which ends the work; but a file of
// one scan gets the end marker that it lacks (Pillow takes some of those, by how far the library has read ahead). If anything else
// lacks, the library warns, since it makes something up.
class Decompressor {
 public:
  explicit Decompressor(std::span<const uint8_t> file) {
    jpeg.err = &errors_;
    errors_.error_exit = [](j_common_ptr common) { throw Refused{common->err->msg_code}; };
    errors_.emit_message = [](j_common_ptr common, int level) {
      auto& self = *static_cast<Decompressor*>(common->client_data);
      if (level < 0 && self.ended_) self.is_cut_off = true;
    };
    errors_.output_message = [](j_common_ptr) {};
    errors_.reset_error_mgr = [](j_common_ptr) {};
    jpeg_create_decompress(&jpeg);
    jpeg.client_data = this;
    source_.next_input_byte = file.data();
    source_.bytes_in_buffer = file.size();
    source_.init_source = [](j_decompress_ptr) {};
    source_.fill_input_buffer = [](j_decompress_ptr common) -> boolean {
      auto& self = *static_cast<Decompressor*>(common->client_data);
      if (self.ended_ || !self.may_lack_end) return FALSE;
      self.ended_ = true;
      self.source_.next_input_byte = kEnd;
      self.source_.bytes_in_buffer = sizeof kEnd;
      return TRUE;
    };
    source_.skip_input_data = [](j_decompress_ptr self, long count) {
      const size_t bytes = count < 0 ? 0 : static_cast<size_t>(count);
      jpeg_source_mgr& source = *self->src;
      const size_t skipped = bytes < source.bytes_in_buffer ? bytes : source.bytes_in_buffer;
      source.next_input_byte += skipped;
      source.bytes_in_buffer -= skipped;
    };
    source_.resync_to_restart = jpeg_resync_to_restart;
    source_.term_source = [](j_decompress_ptr) {};
    jpeg.src = &source_;
    progress_.progress_monitor = [](j_common_ptr common) {
      if (reinterpret_cast<j_decompress_ptr>(common)->input_scan_number > kMostJpegScans) throw TooManyScans{};
    };
    jpeg.progress = &progress_;
  }
  ~Decompressor() { jpeg_destroy_decompress(&jpeg); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  jpeg_decompress_struct jpeg{};
  bool may_lack_end = false;
  bool is_cut_off = false;

 private:
  static constexpr uint8_t kEnd[] = {0xFF, JPEG_EOI};

  bool ended_ = false;
  jpeg_error_mgr errors_{};
  jpeg_source_mgr source_{};
  jpeg_progress_mgr progress_{};
};

// The markers are those that the library has found, also among bytes of no segment.
int markedOrientation(const jpeg_decompress_struct& jpeg) {
  JpegOrientation orientation;
  for (auto marker = jpeg.marker_list; marker; marker = marker->next) orientation.addApp1({marker->data, marker->data_length});
  return orientation.value();
}

void spreadGrey(const uint8_t* grey, uint8_t* rgb, int64_t width) {
  for (int64_t x = 0; x < width; ++x, rgb += 3) rgb[0] = rgb[1] = rgb[2] = grey[x];
}

Result<Image8> decodeWhole(std::span<const uint8_t> file) {
  Decompressor decompressor(file);
  jpeg_decompress_struct& jpeg = decompressor.jpeg;
  jpeg_save_markers(&jpeg, JpegOrientation::kApp1, 0xFFFF);
  if (jpeg_read_header(&jpeg, TRUE) != JPEG_HEADER_OK) return cutOff();
  BEIT_TRY(checkLength(jpeg, file.size()));
  const int64_t width = jpeg.image_width, height = jpeg.image_height;
  switch (jpeg.num_components) {
    case 1: jpeg.out_color_space = JCS_GRAYSCALE; break;
    case 3: jpeg.out_color_space = JCS_RGB; break;
    case 4: jpeg.out_color_space = JCS_CMYK; break;
    default:
      return mismatch(ErrorCode::kUnsupported, "image", "a JPEG of " + std::to_string(jpeg.num_components) + " components", "1, 3 or 4");
  }
  const int orientation = markedOrientation(jpeg);
  BEIT_ASSIGN(Image8 image, Image8::allocate({height, width}, 3, "the samples of a JPEG"));
  BEIT_ASSIGN(Image8 other, Image8::allocate({1, width}, 4, "a row of a JPEG"));
  decompressor.may_lack_end = !jpeg_has_multiple_scans(&jpeg);
  if (!jpeg_start_decompress(&jpeg)) return cutOff();
  const int components = jpeg.output_components;
  for (int64_t y = 0; y < height; ++y) {
    uint8_t* row = image.row(y);
    uint8_t* to = components == 3 ? row : other.row(0);
    if (jpeg_read_scanlines(&jpeg, &to, 1) != 1) return cutOff();
    if (components == 4) invertedCmykToRgb(to, row, width);  // as Pillow takes all of them ("CMYK;I"), whatever a marker says
    if (components == 1) spreadGrey(to, row, width);
  }
  if (decompressor.is_cut_off) return cutOff();
  return makeUpright(std::move(image), orientation);
}

Result<Image8> decodePiece(std::span<const uint8_t> jpeg_file, bool is_ycc) {
  Decompressor decompressor(jpeg_file);
  jpeg_decompress_struct& jpeg = decompressor.jpeg;
  if (jpeg_read_header(&jpeg, TRUE) != JPEG_HEADER_OK) return cutOff();
  BEIT_TRY(checkLength(jpeg, jpeg_file.size()));
  const int64_t width = jpeg.image_width, height = jpeg.image_height;
  switch (jpeg.num_components) {
    case 1: jpeg.jpeg_color_space = jpeg.out_color_space = JCS_GRAYSCALE; break;
    case 3:
      jpeg.jpeg_color_space = is_ycc ? JCS_YCbCr : JCS_RGB;
      jpeg.out_color_space = JCS_RGB;
      break;
    case 4: jpeg.jpeg_color_space = jpeg.out_color_space = JCS_CMYK; break;
    default:
      return mismatch(ErrorCode::kUnsupported, "image", "a JPEG of " + std::to_string(jpeg.num_components) + " components", "1, 3 or 4");
  }
  BEIT_ASSIGN(Image8 image, Image8::allocate({height, width}, jpeg.num_components, "the samples of a JPEG"));
  if (!jpeg_start_decompress(&jpeg)) return cutOff();
  for (int64_t y = 0; y < height; ++y) {
    uint8_t* row = image.row(y);
    if (jpeg_read_scanlines(&jpeg, &row, 1) != 1) return cutOff();
  }
  return image;
}

// Returns what `decode` returns, or the refusal that it throws.
template <typename Decode>
Result<Image8> refusalsAsErrors(const Decode& decode) {
  try {
    return decode();
  } catch (const Refused& refused) {
    return refusal(refused.code);
  } catch (const TooManyScans&) {
    return tooManyScans();
  }
}

}  // namespace

Result<Image8> decodeJpeg(std::span<const uint8_t> file) {
  return refusalsAsErrors([&] { return decodeWhole(file); });
}

Result<Image8> decodeJpegPiece(std::span<const uint8_t> tables, std::span<const uint8_t> piece, bool is_ycc) {
  constexpr size_t kMarker = 2;  // bytes of the one that starts a file, and of the one that ends it
  if (piece.size() < kMarker) return cutOff();
  std::vector<uint8_t> whole(piece.begin(), piece.begin() + kMarker);
  if (tables.size() > 2 * kMarker) whole.insert(whole.end(), tables.begin() + kMarker, tables.end() - kMarker);
  whole.insert(whole.end(), piece.begin() + kMarker, piece.end());
  return refusalsAsErrors([&] { return decodePiece(whole, is_ycc); });
}

}  // namespace beit::codecs
