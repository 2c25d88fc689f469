#pragma once

#include <cstdint>
#include <span>

#include "src/base/result.h"

namespace beit {

// The formats that are decoded here.
enum class ImageFormat { kPng, kJpeg, kBmp, kGif, kPnm };

// Returns "PNG", "JPEG", "BMP", "GIF" or "PNM".
const char* toString(ImageFormat format);

// Returns the format that the first bytes of a file tell.
// Errors: kHtml for a web page; kUnsupported, with its name, for an image of a known format that is
// not decoded here; kBadImage for an empty file and for anything else.
Result<ImageFormat> recognizeImage(std::span<const uint8_t> bytes);

}  // namespace beit
