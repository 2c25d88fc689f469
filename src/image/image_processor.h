// From 8-bit images to what the model takes.
// Reference: transformers models/beit/image_processing_beit.py (4.46), image_transforms.py.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "src/base/buffer.h"
#include "src/base/result.h"
#include "src/base/tensor.h"
#include "src/image/image.h"
#include "src/image/image_processor_config.h"

namespace beit {

// Class ids of every pixel.
struct LabelMap {
  Shape shape;  // (1, height, width)
  Buffer<int32_t> values;
};

// What a model takes of a picture, and the picture's size.
struct PreparedPicture {
  Tensor pixel_values;
  Size size;
};

class BeitImageProcessor {
 public:
  // Returns the processor that preprocessor_config.json describes, or the errors of
  // parseImageProcessorConfig.
  static Result<BeitImageProcessor> parse(std::string_view json);

  explicit BeitImageProcessor(BeitImageProcessorConfig config) : config_(std::move(config)) {}

  const BeitImageProcessorConfig& config() const { return config_; }

  // Returns the pixel values (1, channels, height, width) of an image, each the same float that the
  // reference computes from the same samples. Height and width are crop_size's, or size's without
  // do_center_crop, or the image's.
  // Channels are resized independently of each other. (Pillow takes the last of two or of four
  // channels for opacity; the reference refuses more than four.)
  // Errors: those of ImageView8::check; kWrongShape when image_mean or image_std have another number
  // of channels; kOutOfMemory.
  Result<Tensor> preprocess(const ImageView8& image) const;

  // Returns the same of the picture that decodeImage() returns of a file. A JPEG is resized as its rows are decoded: there are never
  // more than a band of them.
  // Errors: those of decodeImage, and as above.
  Result<PreparedPicture> preprocessFile(std::span<const uint8_t> file) const;

  // Returns the labels (1, height, width) of a map of one channel, for the same crop of the same
  // resized image: reduced first where do_reduce_labels says so (0 becomes 255, others lose 1),
  // then resized with the same filter, as the reference has it.
  // Errors: as above; kWrongShape for more than one channel.
  Result<LabelMap> preprocessSegmentationMap(const ImageView8& map) const;

 private:
  Status checkStatistics(int64_t channels) const;
  Result<Tensor> pixelValues(const ImageView8& resized) const;

  BeitImageProcessorConfig config_;
};

}  // namespace beit
