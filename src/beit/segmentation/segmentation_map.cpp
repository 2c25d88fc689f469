#include "src/beit/segmentation/segmentation_map.h"

#include <algorithm>
#include <cmath>

#include "src/kernels/bilinear_resize.h"

namespace beit {

namespace {

// Returns the softmax of values[best], the largest.
float probability(const float* values, int64_t count, int64_t best) {
  float total = 0.0f;
  for (int64_t i = 0; i < count; ++i) total += std::exp(values[i] - values[best]);
  return 1.0f / total;
}

}  // namespace

Result<SegmentationMap> segmentationMap(const Execution& execution, const Tensor& logits, Size size, bool with_scores,
                                        std::span<const uint32_t> palette) {
  constexpr int64_t kMaxLabels = 65536, kMaxPixels = int64_t{1} << 28;
  const Shape& shape = logits.shape;
  if (shape.size() != 3 || shape[0] < 1 || shape[0] > kMaxLabels || shape[1] < 1 || shape[2] < 1)
    return mismatch(ErrorCode::kWrongShape, "logits", toString(shape), "(labels, height, width) with at most 65536 labels");
  const int64_t labels = shape[0], area = shape[1] * shape[2];
  if (size == Size{}) size = {shape[1], shape[2]};
  if (size.height < 1 || size.width < 1 || size.height > kMaxPixels / size.width)
    return mismatch(ErrorCode::kInvalidArgument, "target size", std::to_string(size.height) + " x " + std::to_string(size.width),
                    "1 x 1 to 2^28 pixels");
  if (!palette.empty() && static_cast<int64_t>(palette.size()) != labels)
    return mismatch(ErrorCode::kWrongShape, "palette", std::to_string(palette.size()) + " colours",
                    std::to_string(labels) + ", one for each label");

  // (h, w, L): the logits of a pixel lie together, as resizing and argmax read them.
  BEIT_ASSIGN(FeatureMap map, FeatureMap::allocate(execution.workspace(), {shape[1], shape[2]}, labels, "logits"));
  execution.parallelFor(static_cast<size_t>(shape[1]), [&](size_t, size_t row) {
    for (int64_t i = static_cast<int64_t>(row) * shape[2]; i < (static_cast<int64_t>(row) + 1) * shape[2]; ++i)
      for (int64_t l = 0; l < labels; ++l) map.data()[i * labels + l] = logits.values.data()[l * area + i];
  });
  SegmentationMap result{size, {}, {}, {}, {}};
  BEIT_ASSIGN(result.labels, Buffer<uint16_t>::allocate(size.area(), "a segmentation map"));
  if (with_scores) {
    BEIT_ASSIGN(result.scores, Buffer<float>::allocate(size.area(), "a segmentation map's scores"));
  }
  BEIT_ASSIGN(result.counts, Buffer<uint32_t>::allocate(labels, "a segmentation map's counts"));
  std::fill_n(result.counts.data(), labels, 0u);
  if (!palette.empty()) {
    BEIT_ASSIGN(result.overlay, Buffer<uint32_t>::allocate(size.area(), "a segmentation map's overlay"));
  }
  const int64_t row_floats = size.width * labels;
  BEIT_ASSIGN(FloatBuffer rows, execution.workspace().floats(execution.threads() * row_floats, "rows of logits"));
  const BilinearRow resize(map.size, size, labels);
  execution.parallelFor(static_cast<size_t>(size.height), [&](size_t thread, size_t y) {
    float* row = rows.data() + static_cast<int64_t>(thread) * row_floats;
    resize.run(map.data(), static_cast<int64_t>(y), row);
    for (int64_t x = 0; x < size.width; ++x) {
      const float* values = row + x * labels;
      const int64_t best = argmax(values, labels);
      const auto pixel = static_cast<size_t>(static_cast<int64_t>(y) * size.width + x);
      result.labels[pixel] = static_cast<uint16_t>(best);
      if (with_scores) result.scores[pixel] = probability(values, labels, best);
      if (!palette.empty()) result.overlay[pixel] = palette[static_cast<size_t>(best)];
    }
  });
  for (const uint16_t label : result.labels) ++result.counts[label];
  return result;
}

}  // namespace beit
