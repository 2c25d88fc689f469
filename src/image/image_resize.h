// Pillow's Image.resize, bit for bit: what the reference's image processors call.
// Pillow 13 resizes the height first where the image loses many more rows than columns. Earlier
// versions always resize the width first (12.3 except for images 100 times as high as wide): for
// such images (taller than 16:9, say) their results are up to a level or so apart.
#pragma once

#include "src/base/result.h"
#include "src/base/size.h"
#include "src/image/image.h"
#include "src/image/resample_weights.h"

namespace beit {

// Returns `image` resized to `size` (sides of 1 to kMaxImageSide), with the same channels, each
// filtered for itself. An image that has that size already is copied.
// Errors: those of ImageView8::check, of checkImageSize for `size`; kOutOfMemory.
// Reference: Pillow src/libImaging/Resample.c (8 bits a channel), Geometry.c for nearest.
Result<Image8> resizeImage(const ImageView8& image, Size size, Resample filter);

}  // namespace beit
