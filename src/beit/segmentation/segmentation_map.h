// From segmentation logits to a label for each pixel, and what a picture of the labels needs. Reference:
// BeitImageProcessor.post_process_semantic_segmentation.
#pragma once

#include <cstdint>
#include <span>

#include "src/base/buffer.h"
#include "src/base/result.h"
#include "src/base/size.h"
#include "src/base/tensor.h"
#include "src/kernels/execution.h"

namespace beit {

struct SegmentationMap {
  Size size;
  Buffer<uint16_t> labels;   // (height, width): the class with the largest logit, the first of equals
  Buffer<uint32_t> counts;   // (L): how many pixels have each label
  Buffer<float> scores;      // (height, width): the label's probability; empty unless asked for
  Buffer<uint32_t> overlay;  // (height, width): the label's colour; empty without a palette
};

// Returns the map of one image's logits (L, h, w), L at most 65536: resized bilinearly
// (align_corners=False) to `size`, or as they are where size is {0, 0}. A row at a time: nothing of
// L x height x width is ever held. `palette`: a colour for each label, in any form that has 32 bits. Errors: kWrongShape,
// kInvalidArgument for a size beyond 2^28 pixels, kOutOfMemory.
Result<SegmentationMap> segmentationMap(const Execution& execution, const Tensor& logits, Size size, bool with_scores,
                                        std::span<const uint32_t> palette = {});

}  // namespace beit
