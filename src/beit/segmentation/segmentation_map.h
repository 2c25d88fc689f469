// From segmentation logits to a label for each pixel. Reference:
// BeitImageProcessor.post_process_semantic_segmentation.
#pragma once

#include <cstdint>

#include "src/base/buffer.h"
#include "src/base/result.h"
#include "src/base/size.h"
#include "src/base/tensor.h"
#include "src/kernels/execution.h"

namespace beit {

struct SegmentationMap {
  Size size;
  Buffer<uint16_t> labels;  // (height, width): the class with the largest logit, the first of equals
  Buffer<float> scores;     // (height, width): its probability; empty unless asked for
};

// Returns the map of one image's logits (L, h, w), L at most 65536: resized bilinearly
// (align_corners=False) to `size`, or as they are where size is {0, 0}. A row at a time: nothing of
// L x height x width is ever held. Errors: kWrongShape, kInvalidArgument for a size beyond 2^28
// pixels, kOutOfMemory.
Result<SegmentationMap> segmentationMap(const Execution& execution, const Tensor& logits, Size size, bool with_scores);

}  // namespace beit
