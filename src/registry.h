// Models by the names of their classes: the only file that knows all of them.
#pragma once

#include <memory>
#include <string_view>

#include "src/beit/model_options.h"
#include "src/model/model.h"

namespace beit {

// Returns a model of the reference's class of that name with empty parameters: BeitModel,
// BeitForMaskedImageModeling, BeitForImageClassification, BeitForSemanticSegmentation, BeitBackbone,
// or one of these with "Flax" before it or "Data2VecVision" for "Beit".
// `execution` must outlive it. Errors: kUnsupported for another name, kBadConfig where the config lacks
// what the class needs, kInvalidArgument for an option that is out of range.
Result<std::unique_ptr<Model>> createModel(BeitConfig config, std::string_view class_name, const ModelOptions& options,
                                           const Execution& execution);

// The same for the text of a config file: config.json, or a tokenizer's (see DalleConfig) for DalleEncoder and
// DalleDecoder. Errors: those of the text, too (parseConfig(), parseDalleConfig()).
Result<std::unique_ptr<Model>> createModel(std::string_view config_json, std::string_view class_name, const ModelOptions& options,
                                           const Execution& execution);

}  // namespace beit
