#include "src/codecs/codecs.h"

#include <string_view>

#include "src/codecs/jpeg.h"
#include "src/codecs/tiff.h"
#include "src/codecs/webp.h"

namespace beit::codecs {

using std::literals::operator""sv;

Result<Image8> decode(std::span<const uint8_t> file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (text.starts_with("RIFF") && text.substr(0, 12).ends_with("WEBP")) return decodeWebp(file);
  if (text.starts_with("\xFF\xD8\xFF")) return decodeJpeg(file);
  for (const std::string_view magic : {"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv})
    if (text.starts_with(magic)) return decodeTiff(file);
  return mismatch(ErrorCode::kUnsupported, "image", "a file of another format", "JPEG, TIFF or WebP");
}

}  // namespace beit::codecs
