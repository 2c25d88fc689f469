// GIF: the first frame, as it lies on the canvas.
#pragma once

#include <cstdint>
#include <span>

#include "src/base/result.h"
#include "src/image/image.h"

namespace beit {

// Returns the first frame of a GIF file with three channels. Where the frame leaves the canvas bare,
// it has the colour that the frame calls transparent, or the palette's first one: that is Pillow's
// answer, not the background that the file names. A frame that exceeds the canvas makes it larger.
// Errors: kBadImage for a file that is damaged, cut off or too large; kOutOfMemory.
// Reference: Pillow GifImagePlugin.py and GifDecode.c, convert("RGB").
Result<Image8> readGif(std::span<const uint8_t> file);

}  // namespace beit
