#include "src/training/augmentation.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <set>
#include <vector>

#include "src/image/image_processor.h"
#include "src/image/image_resize.h"
#include "tests/support/training_golden.h"

namespace beit {
namespace {

using Colour = AugmentationDraw::Colour;

TEST_CASE("colours are those of Pillow's ImageEnhance", "[augmentation]") {
  const Json golden = test::trainingGolden();
  int compared = 0;
  for (const JsonValue row : golden.root().find("pillow").find("enhanced").items()) {
    const auto kind = row.find("kind").asString().value();
    Image8 image = test::drawnPicture(3, {4, 5});
    adjustColour(image, {kind == "Brightness" ? Colour::kBrightness
                         : kind == "Contrast" ? Colour::kContrast
                                              : Colour::kSaturation,
                         row.find("factor").asDouble().value()});
    CAPTURE(kind);
    CHECK(test::hexOf(image) == row.find("bytes").asString());
    ++compared;
  }
  CHECK(compared == 6);
}

TEST_CASE("a framed and resized picture is Pillow's", "[augmentation]") {
  const Json golden = test::trainingGolden();
  const Image8 picture = test::drawnPicture(5, {16, 20});
  const auto framed = cropImage(picture, {.top = 2, .left = 3, .height = 11, .width = 14});
  REQUIRE(framed.ok());
  const auto resized = resizeImage(*framed, {5, 6}, Resample::kBicubic);
  REQUIRE(resized.ok());
  CHECK(test::hexOf(*resized) == golden.root().find("pillow").find("framed").asString());
}

TEST_CASE("both views of a picture are those of unilm's transforms", "[augmentation]") {
  const Json golden = test::trainingGolden();
  std::vector<std::string> expected;
  for (const JsonValue view : golden.root().find("pillow").find("views").items()) expected.emplace_back(view.asString().value());
  REQUIRE(expected.size() == 2);
  // Columns 1 to 3 of the mirrored picture, which has five.
  AugmentationDraw draw{.frame = {.top = 1, .left = 1, .height = 3, .width = 3}, .flipped = true, .colours = {}};
  draw.colours = {Colour{Colour::kContrast, 1.3}, Colour{Colour::kSaturation, 0.7}, Colour{Colour::kBrightness, 0.8}};
  const auto views = viewsOf(test::drawnPicture(3, {4, 5}), draw, {6, 6}, Resample::kBicubic, {3, 3});
  REQUIRE(views.ok());
  CHECK(test::hexOf(views->model) == expected[0]);
  CHECK(test::hexOf(views->tokenizer) == expected[1]);
}

TEST_CASE("a mirrored picture has its columns in reverse", "[augmentation]") {
  for (const int64_t width : {1, 4, 5}) {
    const Image8 picture = test::drawnPicture(8, {3, width});
    Image8 mirrored = test::drawnPicture(8, {3, width});
    flipImage(mirrored);
    for (int64_t y = 0; y < 3; ++y) {
      for (int64_t x = 0; x < width; ++x)
        CHECK(std::equal(mirrored.row(y) + 3 * x, mirrored.row(y) + 3 * x + 3, picture.view().row(y) + 3 * (width - 1 - x)));
    }
  }
}

TEST_CASE("frames have the shares and the ratios that are asked for", "[augmentation]") {
  const AugmentationRecipe recipe = recipeOf(Augmentation::kStrong);
  const Size picture{300, 400};
  double least = 1.0, most = 0.0;
  int flipped = 0;
  std::set<int> orders;
  for (uint32_t i = 0; i < 500; ++i) {
    Random random(1, RandomPurpose::kPicture, 0, i);
    const AugmentationDraw draw = drawAugmentation(recipe, picture, random);
    const auto [top, left, height, width] = draw.frame;
    CHECK((top >= 0 && left >= 0 && height > 0 && width > 0 && top + height <= 300 && left + width <= 400));
    const double share = static_cast<double>(height * width) / 120000.0, ratio = static_cast<double>(width) / static_cast<double>(height);
    CHECK((share > 0.078 && ratio > 0.74 && ratio < 1.35));
    least = std::min(least, share);
    most = std::max(most, share);
    flipped += draw.flipped;
    orders.insert(draw.colours[0].kind * 9 + draw.colours[1].kind * 3 + draw.colours[2].kind);
    for (const Colour& colour : draw.colours) CHECK((colour.factor >= 0.6 && colour.factor < 1.4));
  }
  CHECK((least < 0.1 && most > 0.9));
  CHECK((flipped > 200 && flipped < 300));
  CHECK(orders.size() == 6);
}

TEST_CASE("a picture that no frame fits has the middle of it", "[augmentation]") {
  AugmentationRecipe recipe;
  recipe.least_scale = recipe.most_scale = 1.0;
  Random random(1, RandomPurpose::kPicture);
  const Frame wide = drawAugmentation(recipe, {30, 400}, random).frame;
  CHECK((wide.height == 30 && wide.width == 40 && wide.top == 0 && wide.left == 180));
  const Frame tall = drawAugmentation(recipe, {400, 30}, random).frame;
  CHECK((tall.height == 40 && tall.width == 30 && tall.top == 180 && tall.left == 0));
}

TEST_CASE("an erased rectangle is noise, and the rest stays", "[augmentation]") {
  AugmentationRecipe recipe;
  recipe.erasing = 1.0;
  for (uint32_t i = 0; i < 20; ++i) {
    Random random(1, RandomPurpose::kPicture, 0, i);
    std::vector<float> pixels(2 * 24 * 20, 9.0f);
    eraseAtRandom(recipe, {24, 20}, pixels, random);
    int64_t top = 24, bottom = -1, left = 20, right = -1, changed = 0;
    for (int64_t y = 0; y < 24; ++y) {
      for (int64_t x = 0; x < 20; ++x) {
        CHECK((pixels[static_cast<size_t>(y * 20 + x)] != 9.0f) == (pixels[static_cast<size_t>(480 + y * 20 + x)] != 9.0f));
        if (pixels[static_cast<size_t>(y * 20 + x)] == 9.0f) continue;
        top = std::min(top, y), bottom = std::max(bottom, y), left = std::min(left, x), right = std::max(right, x);
        ++changed;
      }
    }
    CHECK(changed == (bottom - top + 1) * (right - left + 1));
    CHECK((changed > 4 && changed < 180));
  }
  recipe.erasing = 0.0;
  Random random(1, RandomPurpose::kPicture);
  std::vector<float> pixels(480, 9.0f);
  eraseAtRandom(recipe, {24, 20}, pixels, random);
  CHECK(std::count(pixels.begin(), pixels.end(), 9.0f) == 480);
}

BeitImageProcessorConfig processor() {
  BeitImageProcessorConfig config;
  config.size = {16, 16};
  config.do_center_crop = false;
  return config;
}

TEST_CASE("what becomes of a picture depends on the seed, the epoch and its number", "[augmentation]") {
  const Image8 picture = test::drawnPicture(2, {40, 30});
  TrainingSettings settings;
  settings.augment = Augmentation::kStrong;
  const auto pixels = [&](int64_t seed, int64_t epoch, int64_t number) {
    settings.seed = seed;
    const auto tensor = Augmenter(processor(), settings).pixelsOf(picture, epoch, number);
    REQUIRE(tensor.ok());
    CHECK(tensor->shape == Shape{1, 3, 16, 16});
    return std::vector<float>(tensor->values.data(), tensor->values.data() + tensor->values.size());
  };
  const auto one = pixels(1, 2, 3);
  CHECK(pixels(1, 2, 3) == one);
  CHECK(pixels(2, 2, 3) != one);
  CHECK(pixels(1, 3, 3) != one);
  CHECK(pixels(1, 2, 4) != one);
}

TEST_CASE("the tokenizer sees what the model sees", "[augmentation]") {
  const Image8 picture = test::drawnPicture(2, {40, 30});
  const auto valuesOf = [](const Tensor& tensor) {
    return std::vector<float>(tensor.values.data(), tensor.values.data() + tensor.values.size());
  };
  BeitImageProcessorConfig expected;
  expected.resample = Resample::kLanczos;
  expected.do_normalize = false;

  const auto plain = Augmenter(processor(), {}).viewsOf(picture, 0, 0, {24, 24});
  REQUIRE(plain.ok());
  CHECK(plain->model.shape == Shape{1, 3, 16, 16});
  expected.size = {24, 24};
  expected.do_center_crop = false;
  CHECK(valuesOf(plain->tokenizer) == valuesOf(BeitImageProcessor(expected).preprocess(picture).value()));

  BeitImageProcessorConfig cropping;
  cropping.size = {32, 20};
  cropping.crop_size = {16, 16};
  const auto cropped = Augmenter(cropping, {}).plainViewsOf(picture, {24, 24});
  REQUIRE(cropped.ok());
  expected.size = {48, 30};
  expected.do_center_crop = true;
  expected.crop_size = {24, 24};
  CHECK(valuesOf(cropped->tokenizer) == valuesOf(BeitImageProcessor(expected).preprocess(picture).value()));

  // A picture whose halves differ shows that both views are framed alike.
  TrainingSettings settings;
  settings.augment = Augmentation::kStrong;
  Image8 halves = test::drawnPicture(2, {40, 40});
  for (int64_t y = 0; y < 40; ++y) std::fill_n(halves.row(y), 3 * 40, static_cast<uint8_t>(y < 20 ? 250 : 5));
  for (int64_t number = 0; number < 20; ++number) {
    const auto views = Augmenter(processor(), settings).viewsOf(halves, 0, number, {16, 16});
    REQUIRE(views.ok());
    const auto model = valuesOf(views->model), tokenizer = valuesOf(views->tokenizer);
    double furthest = 0.0;
    for (size_t i = 0; i < model.size(); ++i)
      furthest = std::max(furthest, std::fabs((static_cast<double>(model[i]) + 1.0) / 2.0 - static_cast<double>(tokenizer[i])));
    CHECK(furthest < 0.15);  // what the two filters differ by
  }
}

TEST_CASE("without augmentation a picture is what the processor makes of it", "[augmentation]") {
  const Image8 picture = test::drawnPicture(2, {40, 30});
  const auto expected = BeitImageProcessor(processor()).preprocess(picture);
  const Augmenter augmenter(processor(), {});
  for (const auto& tensor : {augmenter.pixelsOf(picture, 0, 0), augmenter.plainPixelsOf(picture)}) {
    REQUIRE(tensor.ok());
    CHECK(std::equal(tensor->values.data(), tensor->values.data() + tensor->values.size(), expected->values.data()));
  }
}

}  // namespace
}  // namespace beit
