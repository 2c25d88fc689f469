// The boxes of an AVIF file: which bytes are its picture, and how they are shown.
// Reference: AV1 Image File Format 1.1; ISO/IEC 23008-12 (HEIF); ISO/IEC 14496-12 (boxes).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "src/base/result.h"
#include "src/base/size.h"

namespace beit::avif {

// How planes become RGB, as the box `colr` tells. Numbers are those of ITU-T H.273.
struct Colours {
  int matrix = 2;  // unspecified
  bool full_range = false;
};

struct Container {
  Size size;  // of the picture, before it is turned
  // The AV1 data of the picture's cells, one row of them after the other: one, or those of a grid.
  std::vector<std::vector<uint8_t>> cells;
  Size grid{1, 1};                 // how many
  std::optional<Colours> colours;  // where the AV1 data does not decide
  int orientation = 1;             // by the boxes `irot` and `imir`, as EXIF numbers them
  std::vector<uint8_t> exif, xmp;
  bool premultiplied = false;  // colours were multiplied by the opacity
};

// Returns the boxes of a file's primary picture.
// Errors: kBadImage for a file that is damaged or cut off; kUnsupported for a picture of another codec, or one that only a track has.
Result<Container> readContainer(std::span<const uint8_t> file);

}  // namespace beit::avif
