// stb_image, for the formats that have no reader of our own.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "src/base/result.h"
#include "src/image/image.h"
#include "src/image/image_format.h"

namespace beit {

// Returns the picture, with three channels, of a PNG or JPEG file that consists of `pieces`, one behind the other (a JPEG of one).
// Errors: kBadImage for a file that is damaged, cut off, too large or of a variant that the decoder does not know; kOutOfMemory.
Result<Image8> decodeWithStb(ImageFormat format, std::span<const std::span<const uint8_t>> pieces);

// Decompresses a zlib stream into `out`, and returns how many bytes it has; nothing where it is damaged or has more, of which
// `has_more` tells. Its checksum is not compared.
std::optional<size_t> inflate(std::span<const uint8_t> zlib, std::span<uint8_t> out, bool* has_more = nullptr);

}  // namespace beit
