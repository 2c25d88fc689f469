// Bilinear resizing of feature maps and of logits, as the reference's heads do it. Pictures are resized as Pillow does
// (src/image/image_resize.h), learned positions in double precision (grid_resize.h).
#pragma once

#include <cstdint>
#include <vector>

#include "src/kernels/feature_map.h"

namespace beit {

// The two samples that one position of a resized line mixes.
struct BilinearPair {
  int64_t first = 0, second = 0;
  float share = 0.0f;  // of the second
};

// Returns the pair of position `at` of a line of `size` samples that is resized to `new_size`, bilinear,
// align_corners=False; and those of all positions.
BilinearPair bilinearPair(int64_t size, int64_t new_size, int64_t at);
std::vector<BilinearPair> bilinearPairs(int64_t size, int64_t new_size);

// Bilinear resizing (align_corners=False) of an interleaved map, a row at a time: no array of the
// output's size is needed.
class BilinearRow {
 public:
  BilinearRow(Size input, Size output, int64_t channels);
  // to (output width, channels) = row y of the resized map.
  void run(const float* input, int64_t y, float* to) const;
  // The same, added to what is in `to`.
  void add(const float* input, int64_t y, float* to) const;

 private:
  template <bool kAdd>
  void mix(const float* input, int64_t y, float* to) const;

  int64_t channels_, input_row_;
  std::vector<BilinearPair> rows_, columns_;
};

enum class Store { kReplace, kAdd };

// output (output.size, channels) = or += `input` resized. Reference: torch.nn.functional.interpolate,
// bilinear, align_corners=False.
void resizeBilinear(const Execution& execution, const FeatureMap& input, FeatureMap& output, Store store);

}  // namespace beit
