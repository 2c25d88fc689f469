#include "src/model.h"

#include "src/backbone.h"
#include "src/beit_model.h"
#include "src/dalle_tokenizer.h"
#include "src/image_classification.h"
#include "src/masked_image_modeling.h"
#include "src/semantic_segmentation.h"

namespace beit {

Result<std::unique_ptr<Model>> Model::create(BeitConfig config, std::string_view class_name,
                                             const ModelOptions& options, const ThreadPool& pool) {
  // Other names of the same classes: the Flax ones, and Data2VecVision's, which is the same model.
  for (const auto& [prefix, plain] : {std::pair<std::string_view, std::string_view>{"Flax", ""}, {"Data2VecVision", "Beit"}})
    if (class_name.starts_with(prefix))
      return create(std::move(config), std::string(plain) + std::string(class_name.substr(prefix.size())), options, pool);
  if (options.layer_norm_eps) {
    const double epsilon = *options.layer_norm_eps;
    if (!(epsilon >= 0.0 && epsilon <= 1.0))
      return mismatch(ErrorCode::kInvalidArgument, "layerNormEps", std::to_string(epsilon), "a number from 0 to 1");
    config.layer_norm_eps = epsilon;
  }
  config.relative_position_bias_resize = options.relative_position_bias_resize;
  if (class_name == BeitModel::kClassName)
    return std::unique_ptr<Model>(new BeitModel(std::move(config), options, pool));
  if (class_name == BeitForImageClassification::kClassName)
    return std::unique_ptr<Model>(new BeitForImageClassification(std::move(config), options.dtype, pool));
  if (class_name == BeitForMaskedImageModeling::kClassName)
    return std::unique_ptr<Model>(new BeitForMaskedImageModeling(std::move(config), options.dtype, pool));
  if (class_name == BeitForSemanticSegmentation::kClassName)
    return BeitForSemanticSegmentation::create(std::move(config), options, pool);
  if (class_name == BeitBackbone::kClassName) return BeitBackbone::create(std::move(config), options.dtype, pool);
  return mismatch(ErrorCode::kUnsupported, "Model class", "\"" + std::string(class_name) + "\"",
                  "BeitModel, BeitForMaskedImageModeling, BeitForImageClassification, BeitForSemanticSegmentation or "
                  "BeitBackbone");
}

Result<std::unique_ptr<Model>> Model::create(std::string_view config_json, std::string_view class_name,
                                             const ModelOptions& options, const ThreadPool& pool) {
  const bool tokenizer = class_name == DalleEncoder::kClassName || class_name == DalleDecoder::kClassName;
  if (tokenizer && options.dtype != WeightType::kFloat32)
    return mismatch(ErrorCode::kUnsupported, "dtype of " + std::string(class_name), "int8", "f32");
  if (class_name == DalleEncoder::kClassName) {
    BEIT_ASSIGN(const DalleConfig config, parseDalleConfig(config_json));
    return std::unique_ptr<Model>(new DalleEncoder(config, pool));
  }
  if (class_name == DalleDecoder::kClassName) {
    BEIT_ASSIGN(const DalleConfig config, parseDalleConfig(config_json));
    return std::unique_ptr<Model>(new DalleDecoder(config, pool));
  }
  BEIT_ASSIGN(BeitConfig config, parseConfig(config_json));
  return create(std::move(config), class_name, options, pool);
}

MemoryEstimate Model::estimate() const {
  constexpr int64_t kSmallThings = 32 << 10;  // steps, shapes and names, slack behind each buffer, what malloc rounds up
  return {parameters_.bytes(), activationBytes() + kSmallThings, parameters_.largestBytes()};
}

Result<std::unique_ptr<ForwardPass>> Model::begin(ForwardInputs inputs, const ForwardOptions& options) {
  BEIT_TRY(parameters_.complete());
  auto pass = std::make_unique<ForwardPass>();
  BEIT_TRY(addSteps(*pass, std::make_shared<const ForwardInputs>(std::move(inputs)), options));
  return pass;
}

}  // namespace beit
