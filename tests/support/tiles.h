// The height of tiles for a test, put back at its end.
#pragma once

#include "src/kernels/gemm/f32_microkernel.h"

namespace beit::test {

class Tiles {
 public:
  explicit Tiles(bool tall) : was_tall_(tileRows() > kTileRows) { setTallTiles(tall); }
  ~Tiles() { setTallTiles(was_tall_); }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;

 private:
  bool was_tall_;
};

}  // namespace beit::test
