// What all model classes have in common: a list of expected parameters, and forward passes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "src/config.h"
#include "src/forward.h"
#include "src/linear.h"
#include "src/parameters.h"
#include "src/thread_pool.h"

namespace beit {

// Which hidden states feed the segmentation heads.
enum class Taps { kReference, kOriginal };

struct ModelOptions {
  // BeitModel only: with a pooler (pooler_output), or without.
  bool add_pooling_layer = true;
  // Segmentation only: as transformers reads out_indices, or as unilm, where they come from.
  Taps taps = Taps::kReference;
  // Segmentation only: load the auxiliary head, which a loss needs and nothing else.
  bool auxiliary_head = true;
  // In place of the config's layer_norm_eps, from 0 to 1: unilm and timm run the weights with 1e-6
  // whose configs say 1e-12.
  std::optional<double> layer_norm_eps;
  // How relative position biases are resized for inputs of another size.
  RelativePositionBiasResize relative_position_bias_resize = RelativePositionBiasResize::kReference;
  // How the encoder's fully connected layers compute. All else, and the last layer of every head, is in
  // floats.
  WeightType dtype = WeightType::kFloat32;
};

// Bytes that a model takes; known before a single weight is read.
struct MemoryEstimate {
  int64_t weights = 0;      // all parameters, packed
  int64_t activations = 0;  // one run at the config's image size, batch 1, without optional outputs
  int64_t staging = 0;      // the largest tensor, while it is being filled
};

class Model {
 public:
  // Returns a model of the reference's class of that name with empty parameters: BeitModel,
  // BeitForMaskedImageModeling, BeitForImageClassification, BeitForSemanticSegmentation, BeitBackbone,
  // or one of these with "Flax" before it or "Data2VecVision" for "Beit".
  // `pool` must outlive it. Errors: kUnsupported for another name, kBadConfig where the config lacks
  // what the class needs, kInvalidArgument for an option that is out of range.
  static Result<std::unique_ptr<Model>> create(BeitConfig config, std::string_view class_name,
                                               const ModelOptions& options, const ThreadPool& pool);
  // The same for the text of a config file: config.json, or a tokenizer's (see DalleConfig).
  static Result<std::unique_ptr<Model>> create(std::string_view config_json, std::string_view class_name,
                                               const ModelOptions& options, const ThreadPool& pool);
  virtual ~Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const std::string& className() const { return class_name_; }

  // To be filled with weights before the first pass (see weights/checkpoint.h).
  ParameterList& parameters() { return parameters_; }

  MemoryEstimate estimate() const;

  // Returns a pass that is ready for its first step; it holds the inputs and all memory it needs. The
  // model must outlive it. A second pass may begin before the first is done, but their steps share the
  // model's thread pool: one at a time.
  // Errors: kMissingTensor before the parameters are filled, kWrongShape and kInvalidArgument for
  // inputs that do not fit, kOutOfMemory.
  Result<std::unique_ptr<ForwardPass>> begin(ForwardInputs inputs, const ForwardOptions& options);

 protected:
  Model(std::string_view class_name, const ThreadPool& pool) : pool_(pool), class_name_(class_name) {}

  // Adds the steps of one pass to `pass`; the parameters are complete.
  virtual Status addSteps(ForwardPass& pass, std::shared_ptr<const ForwardInputs> inputs,
                          const ForwardOptions& options) = 0;
  // Returns the bytes of activations of one run, batch 1, at the size that the model is made for.
  virtual int64_t activationBytes() const = 0;

  const ThreadPool& pool_;
  ParameterList parameters_;

 private:
  std::string class_name_;
};

// What the classes of the BEiT family have in common. Reference: BeitPreTrainedModel.
class BeitPreTrainedModel : public Model {
 public:
  const BeitConfig& config() const { return config_; }

 protected:
  BeitPreTrainedModel(BeitConfig config, std::string_view class_name, const ThreadPool& pool)
      : Model(class_name, pool), config_(std::move(config)) {}

  const BeitConfig config_;
};

}  // namespace beit
