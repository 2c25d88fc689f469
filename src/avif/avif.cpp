#include "src/avif/avif.h"

#include <algorithm>
#include <utility>

#include "src/avif/av1.h"
#include "src/avif/container.h"
#include "src/avif/planes.h"
#include "src/image/file_bytes.h"
#include "src/image/image_orientation.h"

namespace beit::avif {
namespace {

Error damaged(const std::string& what) { return failure(ErrorCode::kBadImage, "image", "this AVIF is damaged (" + what + ")"); }

// Puts a cell's samples where they lie in the whole picture, as far as they are in it.
void place(const Planes& cell, int64_t top, int64_t left, Planes& whole) {
  for (int plane = 0; plane < (whole.has_chroma ? 3 : 1); ++plane) {
    const Size from = cell.sizeOf(plane), to = whole.sizeOf(plane);
    const int64_t y = plane ? top >> whole.down : top, x = plane ? left >> whole.right : left;
    const int64_t rows = std::min(from.height, to.height - y), columns = std::min(from.width, to.width - x);
    for (int64_t row = 0; row < rows; ++row) {
      std::copy_n(cell.samples[static_cast<size_t>(plane)].data() + row * from.width, columns,
                  whole.samples[static_cast<size_t>(plane)].data() + (y + row) * to.width + x);
    }
  }
}

Result<Planes> decodeGrid(const Container& container) {
  Planes whole;
  Size cell_size;
  for (size_t i = 0; i < container.cells.size(); ++i) {
    BEIT_ASSIGN(const Planes cell, decodeAv1(container.cells[i]));
    if (i == 0) {
      cell_size = cell.size;
      const Size all{cell_size.height * container.grid.height, cell_size.width * container.grid.width};
      const bool fits = all.height >= container.size.height && all.width >= container.size.width &&
                        all.height - cell_size.height < container.size.height && all.width - cell_size.width < container.size.width;
      if (!fits) return damaged("a grid that its cells do not fill");
      whole.size = container.size;
      whole.depth = cell.depth;
      whole.has_chroma = cell.has_chroma;
      whole.right = cell.right;
      whole.down = cell.down;
      whole.colours = cell.colours;
      BEIT_TRY(whole.allocate());
    }
    const bool is_alike = cell.size == cell_size && cell.depth == whole.depth && cell.has_chroma == whole.has_chroma &&
                          cell.right == whole.right && cell.down == whole.down;
    // A sample of chroma may not belong to two cells.
    const bool is_even = (cell_size.width % (1 << whole.right)) == 0 && (cell_size.height % (1 << whole.down)) == 0;
    if (!is_alike || !is_even) return damaged("cells of a grid that differ");
    const auto index = static_cast<int64_t>(i);
    place(cell, index / container.grid.width * cell_size.height, index % container.grid.width * cell_size.width, whole);
  }
  return whole;
}

}  // namespace

Result<Image8> decode(std::span<const uint8_t> file) {
  BEIT_ASSIGN(const Container container, readContainer(file));
  if (container.premultiplied) {
    return mismatch(ErrorCode::kUnsupported, "image", "an AVIF whose colours are multiplied by its opacity", "one whose colours are not");
  }
  BEIT_TRY(checkPixels(container.size.width, container.size.height));
  Planes planes;
  if (container.grid.area() == 1) {
    BEIT_ASSIGN(planes, decodeAv1(container.cells[0]));
    if (!(planes.size == container.size)) return damaged("its picture has another size than its box ispe says");
  } else {
    BEIT_ASSIGN(planes, decodeGrid(container));
  }
  if (container.colours) planes.colours = *container.colours;
  BEIT_ASSIGN(Image8 image, toRgb(planes));
  planes = {};  // its memory, before that of the upright picture is taken
  // Pillow goes by the boxes. Only where they turn nothing, and EXIF does not say anything, XMP counts.
  int orientation = container.orientation;
  if (orientation == 1 && orientationOf(container.exif, {}) == 1) orientation = orientationOf(container.exif, container.xmp);
  return makeUpright(std::move(image), orientation);
}

}  // namespace beit::avif
