// Chance changes of a picture before it is learned from: framing, mirror, colours, a rectangle of noise. By the seed, the epoch and the
// picture's number alone.
// Reference: torchvision transforms, RandomResizedCrop, RandomHorizontalFlip and ColorJitter on Pillow's images; timm
// data/random_erasing.py (mode "pixel"); unilm beit/datasets.py, DataAugmentationForBEiT, and transforms.py.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "src/base/result.h"
#include "src/base/size.h"
#include "src/base/tensor.h"
#include "src/image/image.h"
#include "src/image/image_processor_config.h"
#include "src/training/random.h"
#include "src/training/training_settings.h"

namespace beit {

struct AugmentationRecipe {
  // RandomResizedCrop: the share of a picture that is framed, and its width beside its height.
  double least_scale = 1.0, most_scale = 1.0;
  double least_ratio = 3.0 / 4.0, most_ratio = 4.0 / 3.0;
  double flip = 0.0;  // how often
  // ColorJitter: how far a factor lies from 1.
  double brightness = 0.0, contrast = 0.0, saturation = 0.0;
  double erasing = 0.0;  // how often
};

// light: crops of three quarters and more, mirrored half of the time. strong: crops of 8 % and more, mirrored, colours up to 0.4 off, and
// a quarter with a rectangle of noise.
AugmentationRecipe recipeOf(Augmentation augmentation);

struct Frame {
  int64_t top, left, height, width;
};

// What is drawn for one picture, in this order.
struct AugmentationDraw {
  Frame frame;
  bool flipped = false;
  struct Colour {
    enum Kind { kBrightness, kContrast, kSaturation } kind;
    double factor;
  };
  std::array<Colour, 3> colours;  // in the order in which they are applied; a factor of 1 changes nothing
};

// Draws what becomes of a picture of that size.
AugmentationDraw drawAugmentation(const AugmentationRecipe& recipe, Size picture, Random& random);

// Pillow's Image.crop(), of a frame that lies within.
Result<Image8> cropImage(const ImageView8& image, const Frame& frame);
// Image.transpose(FLIP_LEFT_RIGHT), in place.
void flipImage(Image8& image);
// ImageEnhance's Brightness, Contrast and Color, in place, of images with three channels.
void adjustColour(Image8& image, const AugmentationDraw::Colour& colour);

// What masked image modelling sees of a picture: as the model gets it, and as the tokenizer does.
template <typename Picture>
struct Views {
  Picture model, tokenizer;
};

// Returns the views that were drawn, in unilm's order: the colours of the whole picture, then mirror and frame, of which the tokenizer's
// view is made by Lanczos's filter.
Result<Views<Image8>> viewsOf(const ImageView8& image, const AugmentationDraw& draw, Size model, Resample filter, Size tokenizer);

// Overwrites a rectangle of pixel values (channels, height, width) with normally distributed noise, as often as the recipe says.
void eraseAtRandom(const AugmentationRecipe& recipe, Size image, std::span<float> pixels, Random& random);

class Augmenter {
 public:
  Augmenter(BeitImageProcessorConfig processor, const TrainingSettings& settings);

  // Returns the size of the processor's pictures; where that depends on the picture, that of one of `picture`'s size, as a square if it
  // is framed.
  Size outputSize(Size picture) const;

  // Returns the pixel values (1, channels, height, width) of the picture of that number in that epoch: framed, resized with the processor's
  // filter to the size of its pictures, changed, normalised. Without augmentation they are what the processor makes. Errors: those of
  // BeitImageProcessor::preprocess().
  Result<Tensor> pixelsOf(const ImageView8& image, int64_t epoch, int64_t picture) const;
  // The same without chance, as pictures are judged.
  Result<Tensor> plainPixelsOf(const ImageView8& image) const;

  // The same for both views; the tokenizer's is (1, channels, height, width) of 0 to 1. Nothing is erased.
  Result<Views<Tensor>> viewsOf(const ImageView8& image, int64_t epoch, int64_t picture, Size tokenizer) const;
  Result<Views<Tensor>> plainViewsOf(const ImageView8& image, Size tokenizer) const;

 private:
  Random randomOf(int64_t epoch, int64_t picture) const;
  // Returns what the processor makes of a picture that has its size.
  Result<Tensor> normalized(const Image8& image) const;

  BeitImageProcessorConfig processor_;
  AugmentationRecipe recipe_;
  bool augments_;
  int64_t seed_;
};

}  // namespace beit
