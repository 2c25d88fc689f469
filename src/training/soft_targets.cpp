#include "src/training/soft_targets.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

#include "src/training/random.h"

namespace beit {
namespace {

Mix cutOut(Size image, double own_share, Random& random) {
  const double side = std::sqrt(1.0 - own_share);
  const auto height = static_cast<int64_t>(static_cast<double>(image.height) * side);
  const auto width = static_cast<int64_t>(static_cast<double>(image.width) * side);
  const int64_t y = random.below(image.height), x = random.below(image.width);
  const Mix::Box box{.top = std::max<int64_t>(y - height / 2, 0),
                     .bottom = std::min(y + height / 2, image.height),
                     .left = std::max<int64_t>(x - width / 2, 0),
                     .right = std::min(x + width / 2, image.width)};
  const auto area = static_cast<double>((box.bottom - box.top) * (box.right - box.left));
  // What the edges cut off is its own.
  return {1.0 - area / static_cast<double>(image.height * image.width), box};
}

}  // namespace

Mix drawMix(const TrainingSettings& settings, int64_t step, Size image) {
  Random random(static_cast<uint64_t>(settings.seed), RandomPurpose::kMix, static_cast<uint32_t>(step));
  const bool both = settings.mixup > 0.0 && settings.cutmix > 0.0;
  const bool cut = both ? random.uniform() < 0.5 : settings.cutmix > 0.0;
  if (!cut && settings.mixup <= 0.0) return {};
  const double own_share = random.beta(cut ? settings.cutmix : settings.mixup);
  return cut ? cutOut(image, own_share, random) : Mix{own_share, {}};
}

void mixPixels(const Mix& mix, Size image, std::span<float> pixels, int64_t batch) {
  if (mix.own_share == 1.0 && !mix.box) return;
  const size_t each = pixels.size() / static_cast<size_t>(batch), plane = static_cast<size_t>(image.height * image.width);
  const auto own = static_cast<float>(mix.own_share), other = static_cast<float>(1.0 - mix.own_share);
  for (int64_t i = 0; i < batch / 2; ++i) {
    const auto a = pixels.subspan(static_cast<size_t>(i) * each, each), b = pixels.subspan(static_cast<size_t>(batch - 1 - i) * each, each);
    if (!mix.box) {
      for (size_t k = 0; k < each; ++k) {
        const float first = a[k], second = b[k];
        a[k] = first * own + second * other;
        b[k] = second * own + first * other;
      }
      continue;
    }
    const auto& [top, bottom, left, right] = *mix.box;
    if (left >= right) continue;
    for (size_t c = 0; c < each; c += plane) {
      for (int64_t y = top; y < bottom; ++y) {
        const auto row = a.begin() + static_cast<ptrdiff_t>(c) + y * image.width;
        std::swap_ranges(row + left, row + right, b.begin() + static_cast<ptrdiff_t>(c) + y * image.width + left);
      }
    }
  }
}

void fillTargets(const Mix& mix, double smoothing, std::span<const int32_t> labels, int64_t classes, std::span<float> targets) {
  const auto width = static_cast<size_t>(classes);
  assert(targets.size() == labels.size() * width);
  const double off = smoothing / static_cast<double>(classes), on = 1.0 - smoothing;
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto row = targets.subspan(i * width, width);
    std::fill(row.begin(), row.end(), static_cast<float>(off));
    const auto label = static_cast<size_t>(labels[i]), other = static_cast<size_t>(labels[labels.size() - 1 - i]);
    if (label == other) {
      row[label] = static_cast<float>(off + on);
    } else {
      row[label] = static_cast<float>(off + on * mix.own_share);
      row[other] = static_cast<float>(off + on * (1.0 - mix.own_share));
    }
  }
}

}  // namespace beit
