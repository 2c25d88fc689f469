#include "src/training/training_run.h"

#include <string>
#include <utility>

#include "src/beit/config.h"
#include "src/training/drop_path.h"

namespace beit {
namespace {

Status notFilled() { return failure(ErrorCode::kMissingTensor, "training", "the model has not got its weights yet"); }

}  // namespace

TrainingRun::TrainingRun(TrainingSettings settings, BeitImageProcessorConfig processor, std::unique_ptr<TrainingModel> model)
    : settings_(settings), augmenter_(std::move(processor), settings), model_(std::move(model)) {
  const BeitConfig& config = model_->config();
  const Size size = augmenter_.outputSize(config.image_size);
  example_ = {config.num_channels, size.height, size.width};
  drop_rates_ = dropPathRates(settings.drop_path < 0.0 ? config.drop_path_rate : settings.drop_path, config.num_hidden_layers);
}

Result<std::unique_ptr<TrainingRun>> TrainingRun::create(std::string_view config_json, std::string_view processor_json,
                                                         std::string_view settings_json, const Execution& execution) {
  BEIT_ASSIGN(BeitConfig config, parseConfig(config_json));
  BEIT_ASSIGN(BeitImageProcessorConfig processor, parseImageProcessorConfig(processor_json));
  BEIT_ASSIGN(const TrainingSettings settings, parseTrainingSettings(settings_json));
  BEIT_ASSIGN(const Trainable which, parseTrainable(settings.method, config.num_hidden_layers));
  config.problem_type = ProblemType::kSingleLabel;  // shares of classes are no labels of several
  BEIT_ASSIGN(std::unique_ptr<TrainingModel> model,
              TrainingModel::create(std::move(config), "BeitForImageClassification", which, execution));
  std::unique_ptr<TrainingRun> run(new TrainingRun(settings, std::move(processor), std::move(model)));
  run->execution_ = &execution;
  return run;
}

Status TrainingRun::finish() {
  BEIT_TRY(model_->parameters().complete());
  BEIT_ASSIGN(trainer_, Trainer::create(model_->trained(), settings_, model_->config().num_hidden_layers, *execution_));
  return {};
}

TrainingRun::Estimate TrainingRun::estimate(int64_t micro_batch, int64_t batch) {
  const TrainingEstimate of_model = model_->estimate(micro_batch, {example_[1], example_[2]});
  // The whole batch's pixels lie beside the copy that a pass has.
  const int64_t pixels = elementCount(example_).value_or(0) * static_cast<int64_t>(sizeof(float)) * batch;
  return {.weights = of_model.weights,
          .gradients = of_model.gradients,
          .optimizer = Trainer::estimate(model_->trained(), settings_),
          .activations = of_model.activations + pixels};
}

Status TrainingRun::startBatch(int64_t size, bool learn) {
  if (!trainer_) return notFilled();
  if (learn && trainer_->exchanged()) {
    return failure(ErrorCode::kInvalidArgument, "batch", "the weights are their average now, which nothing is learned by");
  }
  batch_.reset();
  BEIT_ASSIGN(TrainingBatch batch, TrainingBatch::allocate(size, example_));
  batch_ = std::move(batch);
  learns_ = learn;
  if (learn) model_->clearGradients();
  return {};
}

Status TrainingRun::addTensor(const Tensor& pixels, int64_t label) {
  const Shape one{1, example_[0], example_[1], example_[2]};
  if (pixels.shape != one) return mismatch(ErrorCode::kWrongShape, "picture", toString(pixels.shape), toString(one));
  return addPixels(pixels.values.span(), label);
}

Status TrainingRun::addPicture(const ImageView8& image, int64_t label, int64_t epoch, int64_t picture) {
  BEIT_ASSIGN(const Tensor pixels, learns_ ? augmenter_.pixelsOf(image, epoch, picture) : augmenter_.plainPixelsOf(image));
  return addTensor(pixels, label);
}

Status TrainingRun::addPixels(std::span<const float> pixels, int64_t label) {
  if (!batch_) return failure(ErrorCode::kInvalidArgument, "batch", "none has been started");
  return batch_->add(pixels, label, classes());
}

Status TrainingRun::mix() {
  if (!batch_ || !learns_) return failure(ErrorCode::kInvalidArgument, "batch", "none to learn from has been started");
  return batch_->mix(settings_, trainer_->steps(), classes());
}

Result<std::unique_ptr<ForwardPass>> TrainingRun::begin(int64_t first, int64_t count) {
  if (!batch_) return failure(ErrorCode::kInvalidArgument, "batch", "none has been started");
  const auto rates = learns_ ? std::span<const double>(drop_rates_) : std::span<const double>();
  BEIT_ASSIGN(TrainingInputs inputs, batch_->inputs(first, count, rates, settings_.seed, trainer_->steps()));
  GradientOptions options;
  options.evaluate = !learns_;
  options.weight = static_cast<float>(static_cast<double>(count) / static_cast<double>(batch_->size()));
  return model_->begin(std::move(inputs), options);
}

Result<TrainerStep> TrainingRun::applyStep() {
  if (!batch_ || !learns_) return failure(ErrorCode::kInvalidArgument, "batch", "there is none that has been learned from");
  batch_.reset();
  return trainer_->applyStep();
}

}  // namespace beit
