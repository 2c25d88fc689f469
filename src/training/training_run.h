// A model in training, from its config to the last step: the model, its optimiser, and the batch that it learns from next.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "src/base/buffer.h"
#include "src/base/result.h"
#include "src/image/image.h"
#include "src/training/augmentation.h"
#include "src/training/trainer.h"
#include "src/training/training_batch.h"
#include "src/training/training_model.h"
#include "src/training/training_settings.h"

namespace beit {

class TrainingRun {
 public:
  // Of BeitForImageClassification or, by the settings' task, BeitForMaskedImageModeling, from the texts of config.json,
  // preprocessor_config.json and the settings. `execution` must outlive it. Errors: those of the three parsers and of
  // TrainingModel::create().
  static Result<std::unique_ptr<TrainingRun>> create(std::string_view config_json, std::string_view processor_json,
                                                     std::string_view settings_json, const Execution& execution);

  TrainingModel& model() { return *model_; }
  // Takes a tensor of the checkpoint that the run begins with, by its name in transformers 4; its values may be changed. A table of
  // position biases that all layers share becomes each layer's own where the config says so, as unilm has it for classifiers. What the
  // model has not is left out. Error: kWrongShape for another number of values, but for the head's: of other labels it is left out.
  Status supply(std::string_view name, std::span<float> values);
  // When all have been supplied. What pre-training has not of a classifier is drawn as the settings say (the head) or 1 and 0 (the norm
  // before it). Errors: kMissingTensor, kOutOfMemory.
  Status finish();
  // Null before finish().
  Trainer* trainer() { return trainer_.get(); }

  // Returns the order in which so many pictures are learned from in that epoch.
  Result<Buffer<int32_t>> order(int64_t epoch, int64_t count) const;

  // Bytes of weights, gradients, what the optimiser has, and a pass over `micro_batch` examples out of a batch of `batch`.
  struct Estimate {
    int64_t weights, gradients, optimizer, activations;
  };
  Estimate estimate(int64_t micro_batch, int64_t batch);

  // Begins a batch of `size` examples, to learn from or to judge, each by pixels or, with `states`, by what frozenPass() made of it.
  // Gradients of an earlier one that was given up are forgotten.
  Status startBatch(int64_t size, bool learn, bool states = false);
  // Adds a picture of a class: with its chance changes where the batch is to learn from, else as the processor makes it.
  Status addPicture(const ImageView8& image, int64_t label, int64_t epoch, int64_t picture);
  // Adds pixel values (channels, height, width) of the size of the processor's pictures, or states.
  Status addValues(std::span<const float> values, int64_t label);

  // Of masked images, in place of the two above: adds the model's view of a picture, or its pixel values, and hide() is to follow. Returns
  // the tokenizer's view, (1, channels, height, width) of 0 to 1, where each patch has as many pixels as stand for a token.
  Result<Tensor> addViews(const ImageView8& image, int64_t epoch, int64_t picture);
  Status addValues(std::span<const float> values);
  // Tells which patches of that example are hidden, a byte each, and the visual tokens of all of them.
  Status hide(std::span<const uint8_t> mask, std::span<const int32_t> tokens);
  // Returns a number that a mask is drawn by.
  uint32_t maskSeed(int64_t epoch, int64_t picture) const;

  // When all are there, of a batch to learn from: mixes classifiers' examples.
  Status mix();

  // Returns a pass over examples [first, first + count). In a batch to learn from it adds its share to the gradients.
  Result<std::unique_ptr<ForwardPass>> begin(int64_t first, int64_t count);

  // Returns a pass over the same of a batch of pixels that puts out "frozen_states", (count, tokens, channels), and learns nothing: what
  // the frozen layers make of a picture is the same as often as its pixels are, since no branch of theirs is dropped. Error:
  // kInvalidArgument where the embeddings learn.
  Result<std::unique_ptr<ForwardPass>> frozenPass(int64_t first, int64_t count);

  // After the passes of a whole batch.
  Result<TrainerStep> applyStep();

 private:
  TrainingRun(TrainingSettings settings, BeitImageProcessorConfig processor, std::unique_ptr<TrainingModel> model);

  int64_t classes() const { return model_->config().num_labels; }
  Result<FloatBuffer> firstValues(const Parameter& parameter) const;
  Status checkExample(const Tensor& pixels) const;
  // Returns an error unless a batch has been started, and the run is of that task.
  Status checkBatch(TrainingTask task) const;

  TrainingSettings settings_;
  Augmenter augmenter_;
  Shape example_;  // of the pixel values of one picture
  std::unique_ptr<TrainingModel> model_;
  std::unique_ptr<Trainer> trainer_;
  std::vector<double> drop_rates_;
  std::optional<TrainingBatch> batch_;
  bool learns_ = false;
  const Execution* execution_ = nullptr;
};

}  // namespace beit
