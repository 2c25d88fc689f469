// What a JPEG's decoder does for each pixel: the inverse transform, the upsampling of colour and its conversion.
// All give the samples of stb_image's portable code, to the last bit, whatever the input, but for one column, which upsampleRow() tells of.
#pragma once

#include <cstdint>

namespace beit {

// Turns 8 x 8 dequantised coefficients, row by row, into samples; rows of `out` are `stride` bytes apart.
void inverseTransform(const int16_t* coefficients, uint8_t* out, int64_t stride);
// The same for a block of which only the first coefficient is not 0.
void inverseTransformFlat(int16_t first, uint8_t* out, int64_t stride);

// Makes a row of 2 * `count` samples of one that has half of the columns, and one of that and its neighbour `far` where
// that has half of the rows, too (null where it has all of them).
void upsampleRow(const uint8_t* near, const uint8_t* far, int64_t count, uint8_t* out);

// Makes `count` pixels of RGB.
void colorRow(const uint8_t* y, const uint8_t* cb, const uint8_t* cr, int64_t count, uint8_t* out);

}  // namespace beit
