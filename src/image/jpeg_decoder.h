// JPEG by stb_image's reading of headers and of progressive scans, with transforms and baseline decoding of our own.
#pragma once

#include <cstdint>
#include <span>

#include "src/base/result.h"
#include "src/image/row_sink.h"

namespace beit {

// Hands `to` the rows of a JPEG's picture as it is stored, with three channels. Of a picture of one baseline scan, as most are,
// a band of rows is held; of others all samples, and a progressive one's coefficients.
// Errors: kUnsupported for a JPEG of four colours, or of four columns or fewer in colour, which src/codecs decodes;
// kBadImage for a file that is damaged, cut off, too large, of more than 500 scans or of a variant that the decoder does not know;
// kOutOfMemory; those of `to`, which may have got rows before an error shows.
Status decodeJpeg(std::span<const uint8_t> file, RowSink& to);

}  // namespace beit
