// preprocessor_config.json, as the reference's BeitImageProcessor reads it. Member names are the
// file's own.
// Reference: transformers models/beit/image_processing_beit.py (4.46), __init__ and from_dict.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/base/size.h"
#include "src/image/resample_weights.h"

namespace beit {

// The defaults are transformers 4's class defaults. Transformers 5 has 224 x 224 and no crop; files
// that either of them wrote carry every field, so that the defaults matter for older files only.
struct BeitImageProcessorConfig {
  bool do_resize = true;
  Size size{256, 256};
  Resample resample = Resample::kBicubic;
  bool do_center_crop = true;
  Size crop_size{224, 224};
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
// name in `where`; kUnsupported for a size by its shortest edge, which BEiT's processor cannot have.
Result<BeitImageProcessorConfig> parseImageProcessorConfig(std::string_view json);

}  // namespace beit
