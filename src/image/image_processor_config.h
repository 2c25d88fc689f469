// preprocessor_config.json, as the reference's class that the file names reads it. Member names are the
// file's own.
// Reference: transformers 5.24 image_processing_utils.py, _set_attributes and get_size_dict, and
// models/*/image_processing_*.py; models/beit/image_processing_beit.py (4.46), __init__ and from_dict.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/base/size.h"
#include "src/image/resample_weights.h"

namespace beit {

// The defaults are those of the class that image_processor_type or feature_extractor_type names, in
// transformers 5. BEiT's own, and files that name none, have transformers 4's for fields that they leave out (a resize to 256 and a crop to
// 224): files that either version wrote carry every field, so that this matters for older ones only. A field that is null has the value
// that transformers 5 has then.
struct BeitImageProcessorConfig {
  bool do_resize = true;
  Size size{256, 256};
  // size's shortest_edge: the shorter side, the other as the picture has it. 0 where `size` tells both sides, which else counts for
  // nothing.
  int64_t shortest_edge = 0;
  Resample resample = Resample::kBicubic;
  bool do_center_crop = true;
  Size crop_size{224, 224};
  bool crops_as_torchvision = false;  // where an odd rest is cut; timm's
  bool do_rescale = true;
  double rescale_factor = 1.0 / 255.0;
  bool do_normalize = true;
  // One number for each channel, or a single one for all of them.
  std::vector<double> image_mean{0.5, 0.5, 0.5};
  std::vector<double> image_std{0.5, 0.5, 0.5};
  bool do_reduce_labels = false;  // reduce_labels in older files

  // The class that the file was written by; empty when it does not say.
  std::string image_processor_type;
  std::string feature_extractor_type;

  // Names in the file that are no field of the class.
  std::vector<std::string> unknown_fields;
};

// Returns the config of preprocessor_config.json's text, defaults filled in.
// Errors: those of Json::parse; kBadConfig for a field of the wrong type or range, with the field's
// name in `where`; kUnsupported for a class of processors or a form of size that this one cannot do.
Result<BeitImageProcessorConfig> parseImageProcessorConfig(std::string_view json);

}  // namespace beit
