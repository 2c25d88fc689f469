// The compressions of fax machines, which scanners give their pages of black and white.
#pragma once

#include <cstdint>
#include <span>

#include "src/base/result.h"

namespace beit::codecs {

// How rows are coded.
struct FaxCoding {
  enum class Rows {
    kRuns,         // the lengths of runs, and each row begins with a byte (TIFF's compression 2)
    kMarkedRuns,   // the same, with or without marks between rows (T.4, one dimension)
    kMarkedMixed,  // as a bit behind each mark says, runs or what differs from the row above (T.4, two dimensions)
    kDifferences   // what differs from the row above (T.6)
  };
  Rows rows = Rows::kDifferences;
  int64_t width = 0;  // pixels of a row
};

// Decompresses rows into `out`, each beginning with a byte, its first pixel the highest bit, 1 for black. Returns how many of the
// `count` rows there were.
// Errors: kBadImage for codes that are none, and for rows of another width.
// Reference: ITU-T T.4, T.6; TIFF 6.0, sections 10 and 11.
Result<int64_t> unpackFax(std::span<const uint8_t> packed, const FaxCoding& coding, int64_t count, std::span<uint8_t> out);

}  // namespace beit::codecs
