// Targets that are shares of classes, and examples that are mixed of two.
// Reference: timm data/mixup.py (mode "batch"), mixup_target, cutmix_bbox_and_lam.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "src/base/size.h"
#include "src/base/tensor.h"
#include "src/training/training_settings.h"

namespace beit {

// How the examples of a batch are mixed with those of the batch in reverse order.
struct Mix {
  // The rectangle [top, bottom) x [left, right) of an example that comes from the other; nothing: all pixels are mixed.
  struct Box {
    int64_t top, bottom, left, right;
  };
  double own_share = 1.0;  // of an example's own pixels and label
  std::optional<Box> box;
};

// Draws the mix of the batch of that step: mixup or cutmix where one of them is asked for, either half of the time where both are.
Mix drawMix(const TrainingSettings& settings, int64_t step, Size image);

// Mixes pixels (B, channels, height, width) of that size with those of the batch in reverse order.
void mixPixels(const Mix& mix, Size image, std::span<float> pixels, int64_t batch);

// Fills targets (B, classes): smoothed, and mixed as the pixels are. `labels` (B) are from 0 to classes - 1.
void fillTargets(const Mix& mix, double smoothing, std::span<const int32_t> labels, int64_t classes, std::span<float> targets);

}  // namespace beit
