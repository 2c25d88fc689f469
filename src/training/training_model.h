// A model with a loss whose parameters are trained: passes forward and back, which add up gradients. What is done with those is the
// caller's: an optimiser changes TrainedParameter::value between two passes.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/beit/config.h"
#include "src/kernels/execution.h"
#include "src/model/forward.h"
#include "src/parameters/parameters.h"
#include "src/training/embeddings_backward.h"
#include "src/training/layer_tape.h"
#include "src/training/trainable.h"
#include "src/training/trained_head.h"
#include "src/training/trained_parameters.h"

namespace beit {

// A batch. Labels are as the reference's loss takes them (src/beit/losses.h) and, for single_label_classification, also
// floats (B, L): the share of each class, as smoothing and mixing make them. config.problem_type says so where they are
// mixed; floats without it are for multi_label_classification. Masked image modelling takes a mask and the ids of the masked patches.
struct TrainingInputs : ForwardInputs {
  // What each branch is multiplied by, (layers, 2, B): of each layer first the attention's, then the other's. Empty for ones.
  // Drop path is 0 or 1 / (1 - rate).
  std::vector<float> branch_scale;
  // In place of the elements of pixel_values, of which only the shape is read then: what a pass of frozen_states_only put out, (B, T, C).
  Tensor frozen_states;
};

struct GradientOptions {
  // Times this the gradients of the batch's mean loss are added to what is there: its share, where several passes make up a batch.
  float weight = 1.0f;
  // The loss and the logits only: keeps nothing for a way back, and changes no gradient. Labels may be left out then, and the loss is.
  bool evaluate = false;
  // Ends before the first layer that is trained, and puts out the states there, "frozen_states", alone: they are the same in each pass of
  // these pixels and this mask as long as branch_scale is 1 for the frozen layers. Labels may be left out. Error: kInvalidArgument where
  // the embeddings are trained.
  bool frozen_states_only = false;
};

// Bytes that training takes beside what the optimiser has.
struct TrainingEstimate {
  int64_t weights = 0;      // all parameters
  int64_t gradients = 0;    // of those that are trained
  int64_t activations = 0;  // one pass
  int64_t staging = 0;      // the largest parameter, while it is being filled
};

class TrainingModel {
 public:
  // For BeitForImageClassification and BeitForMaskedImageModeling, or one of these with "Data2VecVision" for "Beit".
  // `execution` must outlive it. Errors: kUnsupported for another class; kBadConfig where the config has no labels;
  // kInvalidArgument for a choice that the model does not have.
  static Result<std::unique_ptr<TrainingModel>> create(BeitConfig config, std::string_view class_name, const Trainable& which,
                                                       const Execution& execution);
  ~TrainingModel();
  TrainingModel(const TrainingModel&) = delete;
  TrainingModel& operator=(const TrainingModel&) = delete;

  const BeitConfig& config() const { return config_; }
  const std::string& className() const { return class_name_; }

  // To be filled with weights before the first pass (see weights/reading/checkpoint.h): the same as the model's of that class.
  ParameterList& parameters() { return parameters_; }

  // All parameters in the order of parameters(), trained or not.
  std::span<TrainedParameter> trained() { return values_.all(); }

  // Layers, from the first on, that are frozen with the embeddings (see Trainable).
  int64_t frozenLayers() const { return frozen_layers_; }

  // Bytes of a pass of `batch` images of `size`; before the weights are there, too. What cannot be addressed counts as
  // what was asked for.
  TrainingEstimate estimate(int64_t batch, Size size);

  // Returns a pass that is ready for its first step: one for the embeddings, each layer and the head, and the same on the way back. It
  // holds the inputs and all memory that it needs. Puts out "loss" (1) and "logits": (B, L), or those of the masked patches, in order,
  // (masked, vocab_size). Gradients are complete after the last step; a pass that is dropped before has added some of
  // its own (clearGradients()). Values may not change while a pass is on its way, and a second one begins when the first is done.
  // Errors: kMissingTensor before the parameters are filled, kWrongShape, kWrongType and kInvalidArgument for inputs
  // that do not fit, kOutOfMemory.
  Result<std::unique_ptr<ForwardPass>> begin(TrainingInputs inputs, const GradientOptions& options);

  // Sets all gradients to 0.
  void clearGradients();

 private:
  struct Pass;

  TrainingModel(BeitConfig config, const std::string& class_name, const Trainable& which, const ParameterList& declared,
                const Execution& execution);
  Status check(const TrainingInputs& inputs, const GradientOptions& options) const;
  Status addSteps(ForwardPass& steps, TrainingInputs inputs, const GradientOptions& options) const;
  Status allocate(Pass& pass) const;
  Status runTypical(int64_t batch, Size size) const;
  int64_t tableBytes(Size grid) const;
  void runLayer(Pass& pass, size_t layer) const;
  void runLayerBackward(Pass& pass, size_t layer) const;
  bool biased() const;
  GridBias biasOf(size_t layer, Size grid) const;
  static const float* branchScale(const Pass& pass, size_t layer);

  const Execution& execution_;
  const BeitConfig config_;
  const std::string class_name_;
  const int64_t frozen_layers_;
  ParameterList parameters_;
  TrainedParameters values_;
  std::unique_ptr<TrainedEmbeddings> embeddings_;
  std::vector<std::unique_ptr<TrainedLayer>> layers_;
  TrainedParameter* shared_bias_table_ = nullptr;
  std::unique_ptr<TrainedHead> head_;
};

}  // namespace beit
