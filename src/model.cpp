#include "src/model.h"

#include "src/beit_model.h"
#include "src/image_classification.h"

namespace beit {

Result<std::unique_ptr<Model>> Model::create(BeitConfig config, std::string_view class_name,
                                             const ModelOptions& options, const ThreadPool& pool) {
  if (class_name == BeitModel::kClassName)
    return std::unique_ptr<Model>(new BeitModel(std::move(config), options, pool));
  if (class_name == BeitForImageClassification::kClassName)
    return std::unique_ptr<Model>(new BeitForImageClassification(std::move(config), pool));
  return mismatch(ErrorCode::kUnsupported, "Model class", "\"" + std::string(class_name) + "\"",
                  std::string(BeitModel::kClassName) + " or " + std::string(BeitForImageClassification::kClassName));
}

MemoryEstimate Model::estimate() const {
  return {parameters_.bytes(), activationBytes(), parameters_.largestBytes()};
}

Result<std::unique_ptr<ForwardPass>> Model::begin(ForwardInputs inputs, const ForwardOptions& options) {
  BEIT_TRY(parameters_.complete());
  auto pass = std::make_unique<ForwardPass>();
  BEIT_TRY(addSteps(*pass, std::make_shared<const ForwardInputs>(std::move(inputs)), options));
  return pass;
}

}  // namespace beit
