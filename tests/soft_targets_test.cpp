#include "src/training/soft_targets.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <vector>

#include "tests/support/training_golden.h"

namespace beit {
namespace {

constexpr Size kImage{6, 8};

TEST_CASE("targets and mixed pixels are timm's", "[soft_targets]") {
  const Json golden = test::trainingGolden();
  const JsonValue mixed = golden.root().find("mixed");
  const Mix mix{0.3, {}};
  const std::vector<int32_t> labels{0, 2, 1, 2};
  std::vector<float> targets(12), pixels(24);
  fillTargets(mix, 0.1, labels, 3, targets);
  test::drawFloats(7, pixels);
  mixPixels(mix, {2, 3}, pixels, 4);
  const auto expected_targets = test::doublesOf(mixed.find("targets")), expected_pixels = test::doublesOf(mixed.find("pixels"));
  for (size_t i = 0; i < targets.size(); ++i) CHECK(std::fabs(targets[i] - expected_targets.at(i)) < 1e-7);
  for (size_t i = 0; i < pixels.size(); ++i) CHECK(std::fabs(pixels[i] - expected_pixels.at(i)) < 1e-7);
}

TEST_CASE("smoothing alone leaves a share for each class", "[soft_targets]") {
  std::vector<float> targets(8);
  fillTargets({}, 0.2, std::vector<int32_t>{3, 0}, 4, targets);
  CHECK(targets == std::vector<float>{0.05f, 0.05f, 0.05f, 0.85f, 0.85f, 0.05f, 0.05f, 0.05f});
  fillTargets({}, 0.0, std::vector<int32_t>{3, 0}, 4, targets);
  CHECK(targets == std::vector<float>{0, 0, 0, 1, 1, 0, 0, 0});
}

TEST_CASE("cutmix takes a rectangle of the other example, and its share of the label", "[soft_targets]") {
  TrainingSettings settings;
  settings.cutmix = 1.0;
  settings.seed = 4;
  int cut = 0;
  for (int64_t step = 0; step < 50; ++step) {
    const Mix mix = drawMix(settings, step, kImage);
    REQUIRE(mix.box.has_value());
    const auto [top, bottom, left, right] = *mix.box;
    CHECK((0 <= top && top <= bottom && bottom <= kImage.height && 0 <= left && left <= right && right <= kImage.width));
    // Three examples of one channel and of their own number: the middle one is mixed with itself.
    std::vector<float> pixels(3 * 48);
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(i / 48);
    mixPixels(mix, kImage, pixels, 3);
    double own = 0;
    for (int64_t y = 0; y < kImage.height; ++y) {
      for (int64_t x = 0; x < kImage.width; ++x) {
        const bool inside = y >= top && y < bottom && x >= left && x < right;
        const auto at = static_cast<size_t>(y * kImage.width + x);
        CHECK(pixels[at] == (inside ? 2.0f : 0.0f));
        CHECK(pixels[48 + at] == 1.0f);
        CHECK(pixels[96 + at] == (inside ? 0.0f : 2.0f));
        own += !inside;
      }
    }
    CHECK(std::fabs(mix.own_share - own / 48) < 1e-12);
    cut += own < 48;
  }
  CHECK(cut > 30);
}

TEST_CASE("mixup and cutmix share the steps where both are asked for", "[soft_targets]") {
  TrainingSettings settings;
  CHECK(drawMix(settings, 0, kImage).own_share == 1.0);
  settings.mixup = 0.8;
  settings.cutmix = 1.0;
  int cut = 0;
  for (int64_t step = 0; step < 400; ++step) cut += drawMix(settings, step, kImage).box.has_value();
  CHECK((cut > 160 && cut < 240));
  CHECK(drawMix(settings, 7, kImage).own_share == drawMix(settings, 7, kImage).own_share);
  settings.cutmix = 0.0;
  for (int64_t step = 0; step < 20; ++step) CHECK(!drawMix(settings, step, kImage).box.has_value());
}

}  // namespace
}  // namespace beit
