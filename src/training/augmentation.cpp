#include "src/training/augmentation.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "src/image/image_processor.h"
#include "src/image/image_resize.h"

namespace beit {
namespace {

constexpr int kAttempts = 10;  // of both references, before they give up

// Python's round().
int64_t roundHalfToEven(double value) { return static_cast<int64_t>(std::nearbyint(value)); }

// RandomResizedCrop.get_params
Frame drawFrame(const AugmentationRecipe& recipe, Size picture, Random& random) {
  const auto area = static_cast<double>(picture.height * picture.width);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const double target = area * random.uniform(recipe.least_scale, recipe.most_scale);
    const double ratio = std::exp(random.uniform(std::log(recipe.least_ratio), std::log(recipe.most_ratio)));
    const int64_t width = roundHalfToEven(std::sqrt(target * ratio)), height = roundHalfToEven(std::sqrt(target / ratio));
    if (width <= 0 || height <= 0 || width > picture.width || height > picture.height) continue;
    const int64_t top = random.below(picture.height - height + 1);
    return {top, random.below(picture.width - width + 1), height, width};
  }
  const double ratio = static_cast<double>(picture.width) / static_cast<double>(picture.height);
  int64_t width = picture.width, height = picture.height;
  if (ratio < recipe.least_ratio) {
    height = roundHalfToEven(static_cast<double>(width) / recipe.least_ratio);
  } else if (ratio > recipe.most_ratio) {
    width = roundHalfToEven(static_cast<double>(height) * recipe.most_ratio);
  }
  return {(picture.height - height) / 2, (picture.width - width) / 2, height, width};
}

uint8_t lumaOf(const uint8_t* rgb) { return static_cast<uint8_t>((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16); }

// Image.blend, of one sample.
uint8_t blend(uint8_t from, uint8_t to, float share) {
  const float value = static_cast<float>(from) + share * static_cast<float>(static_cast<int>(to) - static_cast<int>(from));
  return value <= 0.0f ? 0 : value >= 255.0f ? 255 : static_cast<uint8_t>(value);
}

void blendAllWith(Image8& image, uint8_t level, float share) {
  std::array<uint8_t, 256> blended;
  for (size_t sample = 0; sample < blended.size(); ++sample) blended[sample] = blend(level, static_cast<uint8_t>(sample), share);
  for (uint8_t& sample : image.data) sample = blended[sample];
}

uint8_t meanLuma(const Image8& image) {
  int64_t sum = 0;
  for (size_t i = 0; i < image.data.size(); i += 3) sum += lumaOf(image.data.data() + i);
  return static_cast<uint8_t>(static_cast<double>(sum) / static_cast<double>(image.data.size() / 3) + 0.5);
}

// A tokenizer takes numbers of 0 to 1.
BeitImageProcessorConfig asSharesOfOne() {
  BeitImageProcessorConfig config;
  config.do_resize = config.do_center_crop = config.do_normalize = false;
  return config;
}

// What makes the tokenizer's view of a whole picture, framed as the model's processor frames it.
BeitImageProcessorConfig tokenizersView(const BeitImageProcessorConfig& processor, Size picture, Size tokenizer) {
  BeitImageProcessorConfig config = asSharesOfOne();
  config.do_resize = true;
  config.resample = Resample::kLanczos;
  config.size = tokenizer;
  if (!processor.do_center_crop) return config;
  const auto scaled = [](int64_t side, int64_t from, int64_t to) {
    return std::max<int64_t>(1, std::llround(static_cast<double>(side * to) / static_cast<double>(from)));
  };
  const Size whole = processor.do_resize ? processor.size : picture, crop = processor.crop_size;
  config.size = {scaled(whole.height, crop.height, tokenizer.height), scaled(whole.width, crop.width, tokenizer.width)};
  if (processor.do_resize && processor.shortest_edge != 0)
    config.shortest_edge = scaled(processor.shortest_edge, crop.height, tokenizer.height);
  config.do_center_crop = true;
  config.crop_size = tokenizer;
  config.crops_as_torchvision = processor.crops_as_torchvision;
  return config;
}

}  // namespace

AugmentationRecipe recipeOf(Augmentation augmentation) {
  switch (augmentation) {
    case Augmentation::kNone: break;
    case Augmentation::kLight: return {.least_scale = 0.75, .flip = 0.5};
    case Augmentation::kStrong:
      return {.least_scale = 0.08, .flip = 0.5, .brightness = 0.4, .contrast = 0.4, .saturation = 0.4, .erasing = 0.25};
  }
  return {};
}

AugmentationDraw drawAugmentation(const AugmentationRecipe& recipe, Size picture, Random& random) {
  AugmentationDraw draw{.frame = drawFrame(recipe, picture, random), .flipped = random.uniform() < recipe.flip, .colours = {}};
  using Colour = AugmentationDraw::Colour;
  const auto factor = [&](double spread) { return random.uniform(std::max(0.0, 1.0 - spread), 1.0 + spread); };
  draw.colours = {Colour{Colour::kBrightness, factor(recipe.brightness)}, Colour{Colour::kContrast, factor(recipe.contrast)},
                  Colour{Colour::kSaturation, factor(recipe.saturation)}};
  for (size_t i = draw.colours.size(); i > 1; --i)
    std::swap(draw.colours[i - 1], draw.colours[static_cast<size_t>(random.below(static_cast<int64_t>(i)))]);
  return draw;
}

Result<Image8> cropImage(const ImageView8& image, const Frame& frame) {
  BEIT_ASSIGN(Image8 cropped, Image8::allocate({frame.height, frame.width}, image.channels, "a framed image"));
  const auto row = static_cast<size_t>(frame.width * image.channels);
  for (int64_t y = 0; y < frame.height; ++y) std::memcpy(cropped.row(y), image.row(frame.top + y) + frame.left * image.channels, row);
  return cropped;
}

void flipImage(Image8& image) {
  const int64_t channels = image.channels;
  for (int64_t y = 0; y < image.height; ++y) {
    uint8_t* row = image.row(y);
    for (int64_t left = 0, right = image.width - 1; left < right; ++left, --right) {
      std::swap_ranges(row + left * channels, row + (left + 1) * channels, row + right * channels);
    }
  }
}

void adjustColour(Image8& image, const AugmentationDraw::Colour& colour) {
  if (colour.factor == 1.0 || image.channels != 3) return;
  const auto share = static_cast<float>(colour.factor);
  switch (colour.kind) {
    case AugmentationDraw::Colour::kBrightness: return blendAllWith(image, 0, share);
    case AugmentationDraw::Colour::kContrast: return blendAllWith(image, meanLuma(image), share);
    case AugmentationDraw::Colour::kSaturation: break;
  }
  for (size_t i = 0; i < image.data.size(); i += 3) {
    const uint8_t luma = lumaOf(image.data.data() + i);
    for (size_t c = 0; c < 3; ++c) image.data[i + c] = blend(luma, image.data[i + c], share);
  }
}

void eraseAtRandom(const AugmentationRecipe& recipe, Size image, std::span<float> pixels, Random& random) {
  if (random.uniform() >= recipe.erasing) return;
  const auto area = static_cast<double>(image.height * image.width);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const double target = area * random.uniform(0.02, 1.0 / 3.0);
    const double ratio = std::exp(random.uniform(std::log(0.3), std::log(1.0 / 0.3)));
    const int64_t height = roundHalfToEven(std::sqrt(target * ratio)), width = roundHalfToEven(std::sqrt(target / ratio));
    if (width >= image.width || height >= image.height) continue;
    const int64_t top = random.below(image.height - height + 1), left = random.below(image.width - width + 1);
    const auto plane = static_cast<size_t>(image.height * image.width);
    for (size_t c = 0; c < pixels.size(); c += plane) {
      for (int64_t y = top; y < top + height; ++y) {
        float* row = pixels.data() + c + y * image.width;
        for (int64_t x = left; x < left + width; ++x) row[x] = static_cast<float>(random.normal());
      }
    }
    return;
  }
}

Result<Views<Image8>> viewsOf(const ImageView8& image, const AugmentationDraw& draw, Size model, Resample filter, Size tokenizer) {
  Image8 coloured;
  ImageView8 from = image;
  if (std::any_of(draw.colours.begin(), draw.colours.end(), [](const auto& colour) { return colour.factor != 1.0; })) {
    BEIT_ASSIGN(coloured, cropImage(image, {.top = 0, .left = 0, .height = image.height, .width = image.width}));
    for (const auto& colour : draw.colours) adjustColour(coloured, colour);
    from = coloured;
  }
  BEIT_ASSIGN(Image8 framed, cropImage(from, draw.frame));
  if (draw.flipped) flipImage(framed);
  Views<Image8> views;
  BEIT_ASSIGN(views.model, resizeImage(framed, model, filter));
  BEIT_ASSIGN(views.tokenizer, resizeImage(framed, tokenizer, Resample::kLanczos));
  return views;
}

Augmenter::Augmenter(BeitImageProcessorConfig processor, const TrainingSettings& settings)
    : processor_(std::move(processor)),
      recipe_(recipeOf(settings.augment)),
      augments_(settings.augment != Augmentation::kNone),
      seed_(settings.seed) {}

Size Augmenter::outputSize(Size picture) const {
  if (processor_.do_center_crop) return processor_.crop_size;
  if (!processor_.do_resize) return picture;
  return processor_.shortest_edge != 0 ? Size{processor_.shortest_edge, processor_.shortest_edge} : processor_.size;
}

Result<Tensor> Augmenter::plainPixelsOf(const ImageView8& image) const { return BeitImageProcessor(processor_).preprocess(image); }

Result<Tensor> Augmenter::pixelsOf(const ImageView8& image, int64_t epoch, int64_t picture) const {
  if (!augments_) return plainPixelsOf(image);
  BEIT_TRY(image.check("image"));
  Random random = randomOf(epoch, picture);
  const AugmentationDraw draw = drawAugmentation(recipe_, image.size(), random);
  BEIT_ASSIGN(const Image8 framed, cropImage(image, draw.frame));
  BEIT_ASSIGN(Image8 changed, resizeImage(framed, outputSize(image.size()), processor_.resample));
  if (draw.flipped) flipImage(changed);
  for (const auto& colour : draw.colours) adjustColour(changed, colour);
  BEIT_ASSIGN(Tensor pixels, normalized(changed));
  eraseAtRandom(recipe_, changed.size(), pixels.values.span(), random);
  return pixels;
}

Result<Views<Tensor>> Augmenter::plainViewsOf(const ImageView8& image, Size tokenizer) const {
  Views<Tensor> views;
  BEIT_ASSIGN(views.model, plainPixelsOf(image));
  BEIT_ASSIGN(views.tokenizer, BeitImageProcessor(tokenizersView(processor_, image.size(), tokenizer)).preprocess(image));
  return views;
}

Result<Views<Tensor>> Augmenter::viewsOf(const ImageView8& image, int64_t epoch, int64_t picture, Size tokenizer) const {
  if (!augments_) return plainViewsOf(image, tokenizer);
  BEIT_TRY(image.check("image"));
  Random random = randomOf(epoch, picture);
  const AugmentationDraw draw = drawAugmentation(recipe_, image.size(), random);
  BEIT_ASSIGN(const Views<Image8> drawn, beit::viewsOf(image, draw, outputSize(image.size()), processor_.resample, tokenizer));
  Views<Tensor> views;
  BEIT_ASSIGN(views.model, normalized(drawn.model));
  BEIT_ASSIGN(views.tokenizer, BeitImageProcessor(asSharesOfOne()).preprocess(drawn.tokenizer));
  return views;
}

Random Augmenter::randomOf(int64_t epoch, int64_t picture) const {
  return {static_cast<uint64_t>(seed_), RandomPurpose::kPicture, static_cast<uint32_t>(epoch), static_cast<uint32_t>(picture)};
}

Result<Tensor> Augmenter::normalized(const Image8& image) const {
  BeitImageProcessorConfig rest = processor_;
  rest.do_resize = rest.do_center_crop = false;
  return BeitImageProcessor(std::move(rest)).preprocess(image);
}

}  // namespace beit
