#pragma once

#include <cstdint>

namespace beit {

// A height and a width, in this order, as the reference's pairs are: in pixels or in patches.
struct Size {
  int64_t height = 0;
  int64_t width = 0;

  bool operator==(const Size&) const = default;
  int64_t area() const { return height * width; }
};

}  // namespace beit
