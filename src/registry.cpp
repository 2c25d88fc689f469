#include "src/registry.h"

#include <string>

#include "src/base/real_text.h"
#include "src/beit/backbone.h"
#include "src/beit/beit_model.h"
#include "src/beit/class_name.h"
#include "src/beit/image_classification.h"
#include "src/beit/masked_image_modeling.h"
#include "src/beit/segmentation/semantic_segmentation.h"
#include "src/dalle/dalle_tokenizer.h"

namespace beit {
namespace {

using Created = Result<std::unique_ptr<Model>>;

template <typename Class>
Created make(auto&&... arguments) {
  return std::unique_ptr<Model>(new Class(std::forward<decltype(arguments)>(arguments)...));
}

// The classes that read config.json.
struct BeitClass {
  std::string_view name;
  Created (*create)(BeitConfig&& config, const ModelOptions& options, const Execution& execution);
};
constexpr BeitClass kBeitClasses[] = {
    {BeitModel::kClassName, [](BeitConfig&& config, const ModelOptions& options,
                               const Execution& execution) { return make<BeitModel>(std::move(config), options, execution); }},
    {BeitForMaskedImageModeling::kClassName,
     [](BeitConfig&& config, const ModelOptions& options, const Execution& execution) {
       return make<BeitForMaskedImageModeling>(std::move(config), options.dtype, execution);
     }},
    {BeitForImageClassification::kClassName,
     [](BeitConfig&& config, const ModelOptions& options, const Execution& execution) {
       return make<BeitForImageClassification>(std::move(config), options.dtype, execution);
     }},
    {BeitForSemanticSegmentation::kClassName,
     [](BeitConfig&& config, const ModelOptions& options, const Execution& execution) {
       return BeitForSemanticSegmentation::create(std::move(config), options, execution);
     }},
    {BeitBackbone::kClassName,
     [](BeitConfig&& config, const ModelOptions& options, const Execution& execution) {
       return BeitBackbone::create(std::move(config), options.dtype, execution);
     }},
};

// The classes that read a tokenizer's config.
struct DalleClass {
  std::string_view name;
  Created (*create)(const DalleConfig& config, const Execution& execution);
};
constexpr DalleClass kDalleClasses[] = {
    {DalleEncoder::kClassName, [](const DalleConfig& config, const Execution& execution) { return make<DalleEncoder>(config, execution); }},
    {DalleDecoder::kClassName, [](const DalleConfig& config, const Execution& execution) { return make<DalleDecoder>(config, execution); }},
};

// Returns "BeitModel, …, BeitForSemanticSegmentation or BeitBackbone".
std::string allNames() {
  std::string names;
  for (const BeitClass& each : kBeitClasses) {
    const bool last = &each == std::end(kBeitClasses) - 1;
    names += (names.empty() ? "" : last ? " or " : ", ") + std::string(each.name);
  }
  return names;
}

}  // namespace

Result<std::unique_ptr<Model>> createModel(BeitConfig config, std::string_view class_name, const ModelOptions& options,
                                           const Execution& execution) {
  if (options.layer_norm_eps) {
    const double epsilon = *options.layer_norm_eps;
    if (!(epsilon >= 0.0 && epsilon <= 1.0))
      return mismatch(ErrorCode::kInvalidArgument, "layerNormEps", realText(epsilon), "a number from 0 to 1");
    config.layer_norm_eps = epsilon;
  }
  config.relative_position_bias_resize = options.relative_position_bias_resize;
  const std::string name = plainClassName(class_name);
  for (const BeitClass& each : kBeitClasses)
    if (name == each.name) return each.create(std::move(config), options, execution);
  return mismatch(ErrorCode::kUnsupported, "Model class", "\"" + name + "\"", allNames());
}

Result<std::unique_ptr<Model>> createModel(std::string_view config_json, std::string_view class_name, const ModelOptions& options,
                                           const Execution& execution) {
  for (const DalleClass& each : kDalleClasses) {
    if (class_name != each.name) continue;
    if (options.dtype != WeightType::kFloat32)
      return mismatch(ErrorCode::kUnsupported, "dtype of " + std::string(class_name), "int8", "f32");
    BEIT_ASSIGN(const DalleConfig config, parseDalleConfig(config_json));
    return each.create(config, execution);
  }
  BEIT_ASSIGN(BeitConfig config, parseConfig(config_json));
  return createModel(std::move(config), class_name, options, execution);
}

}  // namespace beit
