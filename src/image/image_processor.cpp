#include "src/image/image_processor.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "src/image/image_decode.h"
#include "src/image/image_format.h"
#include "src/image/image_orientation.h"
#include "src/image/image_resize.h"
#include "src/image/jpeg_decoder.h"
#include "src/image/row_resizer.h"

namespace beit {
namespace {

// Which part of an axis is kept, and where it lies in the output. What it leaves is zero samples.
struct Crop {
  int64_t size;      // of the output
  int64_t from = 0;  // the first kept input position
  int64_t to = 0;    // its output position
  int64_t count;     // how many are kept
};

// image_transforms.center_crop: an odd rest is cut at the end, and padded at the start. torchvision's CenterCrop, which
// timm has, rounds half of it to an even number, and pads at the end.
Crop centerCrop(int64_t in, int64_t out, bool torchvision) {
  const int64_t half = (in - out) / 2;
  if (in >= out) return {.size = out, .from = half + (torchvision && (in - out) % 2 != 0 ? half % 2 : 0), .count = out};
  return {.size = out, .to = (out - in + (torchvision ? 0 : 1)) / 2, .count = in};
}

// get_resize_output_image_size and torchvision's Resize, in their types.
Size resizedSize(const BeitImageProcessorConfig& config, Size from) {
  if (config.shortest_edge == 0) return config.size;
  const bool upright = from.width <= from.height;
  const int64_t shorter = upright ? from.width : from.height, longer = upright ? from.height : from.width;
  const auto other = static_cast<int64_t>(static_cast<double>(config.shortest_edge * longer) / static_cast<double>(shorter));
  return upright ? Size{other, config.shortest_edge} : Size{config.shortest_edge, other};
}

Crop whole(int64_t size) { return {.size = size, .count = size}; }

struct Crops {
  Crop y, x;
};

Crops cropsOf(const BeitImageProcessorConfig& config, Size size) {
  if (!config.do_center_crop) return {whole(size.height), whole(size.width)};
  return {centerCrop(size.height, config.crop_size.height, config.crops_as_torchvision),
          centerCrop(size.width, config.crop_size.width, config.crops_as_torchvision)};
}

// The pixel value of each of the 256 samples in one channel, in the reference's types: rescale
// multiplies in double and rounds to float, normalize computes in float.
using Values = std::array<float, 256>;

Values valuesOf(const BeitImageProcessorConfig& config, size_t channel) {
  const auto of = [&](const std::vector<double>& each) { return static_cast<float>(each.size() == 1 ? each[0] : each[channel]); };
  Values values;
  for (size_t sample = 0; sample < values.size(); ++sample) {
    const auto exact = static_cast<double>(sample);
    float value = static_cast<float>(config.do_rescale ? exact * config.rescale_factor : exact);
    if (config.do_normalize) value = (value - of(config.image_mean)) / of(config.image_std);
    values[sample] = value;
  }
  return values;
}

Status checkStatistic(const char* name, const std::vector<double>& values, int64_t channels) {
  if (values.size() == 1 || values.size() == static_cast<size_t>(channels)) return {};
  return mismatch(ErrorCode::kWrongShape, name, std::to_string(values.size()) + " values",
                  std::to_string(channels) + ", one for each channel of the image");
}

uint8_t reduceLabel(uint8_t label) {
  // image_processing_beit.reduce_label, step by step: 0 -> 255 -> 254 -> 255.
  if (label == 0) return 255;
  return label == 255 ? 255 : static_cast<uint8_t>(label - 1);
}

Result<Image8> reduceLabels(const ImageView8& map) {
  BEIT_ASSIGN(Image8 reduced, Image8::allocate(map.size(), 1, "reduced labels"));
  std::transform(map.data.begin(), map.data.end(), reduced.data.begin(), reduceLabel);
  return reduced;
}

// A picture's rows, resized as they come.
class ResizingSink : public RowSink {
 public:
  ResizingSink(const BeitImageProcessorConfig& config, int orientation) : config_(config), orientation_(orientation) {}

  Status begin(Size stored, int64_t channels) override {
    size = orientation_ >= 5 ? Size{stored.width, stored.height} : stored;
    const Size to = resizedSize(config_, size);
    BEIT_TRY(checkImageSize(to, channels, "size to resize to"));
    BEIT_ASSIGN(resizer, RowResizer::make(stored, channels, to, config_.resample, orientation_));
    return {};
  }
  uint8_t* row() override { return resizer.row(); }
  void take() override { resizer.take(resizer.row()); }

  Size size;  // upright
  RowResizer resizer;

 private:
  const BeitImageProcessorConfig& config_;
  int orientation_;
};

}  // namespace

Result<BeitImageProcessor> BeitImageProcessor::parse(std::string_view json) {
  BEIT_ASSIGN(BeitImageProcessorConfig config, parseImageProcessorConfig(json));
  return BeitImageProcessor(std::move(config));
}

Status BeitImageProcessor::checkStatistics(int64_t channels) const {
  if (!config_.do_normalize) return {};
  BEIT_TRY(checkStatistic("image_mean", config_.image_mean, channels));
  return checkStatistic("image_std", config_.image_std, channels);
}

Result<Tensor> BeitImageProcessor::preprocess(const ImageView8& image) const {
  BEIT_TRY(image.check("image"));
  BEIT_TRY(checkStatistics(image.channels));
  if (!config_.do_resize) return pixelValues(image);
  BEIT_ASSIGN(const Image8 resized, resizeImage(image, resizedSize(config_, image.size()), config_.resample));
  return pixelValues(resized);
}

Result<PreparedPicture> BeitImageProcessor::preprocessFile(std::span<const uint8_t> file) const {
  BEIT_ASSIGN(const ImageFormat format, recognizeImage(file));
  PreparedPicture made;
  if (format == ImageFormat::kJpeg && config_.do_resize && config_.resample != Resample::kNearest) {
    ResizingSink sink(config_, jpegOrientation(file));
    BEIT_TRY(decodeJpeg(file, sink));
    BEIT_TRY(checkStatistics(3));
    BEIT_ASSIGN(const Image8 resized, sink.resizer.finish());
    BEIT_ASSIGN(made.pixel_values, pixelValues(resized));
    made.size = sink.size;
  } else {
    BEIT_ASSIGN(const Image8 image, decodeImage(file));
    BEIT_ASSIGN(made.pixel_values, preprocess(image));
    made.size = image.size();
  }
  return made;
}

Result<Tensor> BeitImageProcessor::pixelValues(const ImageView8& from) const {
  const auto [y, x] = cropsOf(config_, from.size());
  BEIT_ASSIGN(Tensor tensor, Tensor::allocate({1, from.channels, y.size, x.size}, "pixel values"));
  float* to = tensor.values.data();
  for (int64_t c = 0; c < from.channels; ++c, to += y.size * x.size) {
    const Values values = valuesOf(config_, static_cast<size_t>(c));
    if (y.count != y.size || x.count != x.size) std::fill_n(to, y.size * x.size, values[0]);
    for (int64_t row = 0; row < y.count; ++row) {
      const uint8_t* in = from.row(y.from + row) + x.from * from.channels + c;
      float* out = to + (y.to + row) * x.size + x.to;
      for (int64_t column = 0; column < x.count; ++column) out[column] = values[in[column * from.channels]];
    }
  }
  return tensor;
}

Result<LabelMap> BeitImageProcessor::preprocessSegmentationMap(const ImageView8& map) const {
  BEIT_TRY(map.check("segmentation map"));
  if (map.channels != 1) {
    return mismatch(ErrorCode::kWrongShape, "segmentation map", std::to_string(map.channels) + " channels", "1, a label for each pixel");
  }
  Image8 reduced, resized;
  ImageView8 from = map;
  if (config_.do_reduce_labels) {
    BEIT_ASSIGN(reduced, reduceLabels(map));
    from = reduced;
  }
  if (config_.do_resize) {
    BEIT_ASSIGN(resized, resizeImage(from, resizedSize(config_, from.size()), config_.resample));
    from = resized;
  }
  const auto [y, x] = cropsOf(config_, from.size());
  LabelMap labels{{1, y.size, x.size}, {}};
  BEIT_ASSIGN(labels.values, Buffer<int32_t>::allocate(y.size * x.size, "labels"));
  std::fill(labels.values.begin(), labels.values.end(), 0);
  for (int64_t row = 0; row < y.count; ++row) {
    const uint8_t* in = from.row(y.from + row) + x.from;
    std::copy_n(in, x.count, labels.values.data() + (y.to + row) * x.size + x.to);
  }
  return labels;
}

}  // namespace beit
