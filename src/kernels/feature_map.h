// Feature maps between the encoder and the heads: (height, width, channels) of one image, channels
// fastest, which is how tokens lie in memory.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "src/base/size.h"
#include "src/base/tensor.h"
#include "src/kernels/execution.h"

namespace beit {

struct FeatureMap {
  Size size;
  int64_t channels = 0;
  FloatBuffer values;

  static Result<FeatureMap> allocate(const Workspace& workspace, Size size, int64_t channels, std::string_view purpose);
  float* data() { return values.data(); }
  const float* data() const { return values.data(); }
  int64_t count() const { return size.area() * channels; }
};

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

// output (scale, scale, channels) = means over a grid of `scale` x `scale` windows that cover the
// input, overlapping where its size is no multiple. Reference: torch.nn.AdaptiveAvgPool2d.
void adaptiveAveragePool(const Execution& execution, const FeatureMap& input, FeatureMap& output);

// output (height / 2, width / 2, channels), rounded down, = maxima of 2 x 2. Reference: MaxPool2d(2, 2).
void maxPool2(const Execution& execution, const FeatureMap& input, FeatureMap& output);

// to (channels, height, width) = map.
void hwcToChw(const Execution& execution, const FeatureMap& map, float* to);

}  // namespace beit
