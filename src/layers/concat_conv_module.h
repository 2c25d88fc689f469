// Convolution 3 x 3, BatchNorm and ReLU of a concatenation by channel: of a map and of smaller ones that are resized
// to it (reference: BeitConvModule behind torch.cat of interpolated maps). Neither the concatenation nor the
// resized maps are made: a convolution over parts is the sum of the parts' convolutions. Computed a band of rows
// at a time, so that what calls it can stop in between and little memory is needed.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/kernels/convolution/quantized_winograd.h"
#include "src/kernels/convolution/winograd.h"
#include "src/kernels/feature_map.h"
#include "src/layers/conv_module.h"
#include "src/layers/resized_convolution.h"
#include "src/parameters/parameter_group.h"
#include "src/parameters/parameters.h"

namespace beit {

class ConcatConvModule {
 public:
  // Adds "PREFIX.conv.weight" (outputs, (1 + resized) * channels, 3, 3) and "PREFIX.bn.*". `resized` is the number of
  // smaller maps; all have `channels`. `typical_size` is the size of the map that most passes will have: it decides how
  // the convolution is done. `type` is that of the products; small maps and those of
  // few channels are convolved in floats nevertheless. When all have arrived they are packed on the threads of `execution`,
  // which must stay until then.
  void declare(const Execution& execution, ParameterList& parameters, const std::string& prefix, int64_t channels, int64_t outputs,
               size_t resized, Size typical_size, WeightType type);

  int64_t outputs() const { return outputs_; }

  // Returns the number of bands of a map so high, and which rows one of them is.
  int64_t bands(int64_t height) const;
  struct Band {
    int64_t first, rows;
  };
  Band bandRows(int64_t band, int64_t height) const;

  // What is kept between the bands of one map.
  struct BandState {
    std::vector<ResizedConvolution::Rows> rows;
    QuantizedWinograd::Transformed kernel;
  };

  // output (rows of the band, width, outputs) = that band of the result. Bands come in order, with the same
  // `kept`, empty at first. Error: kOutOfMemory.
  Status run(const Execution& execution, int64_t band, const FeatureMap& map, std::span<const FeatureMap> smaller, BandState& kept,
             float* output) const;

 private:
  Status make(const Execution& execution, std::span<const float> weight);

  int64_t channels_ = 0, outputs_ = 0;
  enum class Form { kDirect, kWinograd, kQuantized };
  Form form_ = Form::kDirect;
  ParameterGroup group_;
  BatchNorm batch_norm_;
  WinogradConvolution winograd_;  // of the map itself: one of the three, by form_
  QuantizedWinograd quantized_;
  DirectConvolution direct_;
  std::vector<ResizedConvolution> resized_;
};

}  // namespace beit
