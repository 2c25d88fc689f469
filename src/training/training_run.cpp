#include "src/training/training_run.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "src/beit/config.h"
#include "src/training/drop_path.h"
#include "src/training/random.h"

namespace beit {
namespace {

// DALL-E's tokenizer has a token for each 8 x 8 pixels.
constexpr int64_t kTokenPixels = 8;

constexpr std::string_view kSharedTable = "beit.encoder.relative_position_bias.relative_position_bias_table";

std::string tableOf(int64_t layer) {
  return "beit.encoder.layer." + std::to_string(layer) + ".attention.attention.relative_position_bias.relative_position_bias_table";
}

std::string_view classOf(TrainingTask task) {
  return task == TrainingTask::kClassification ? "BeitForImageClassification" : "BeitForMaskedImageModeling";
}

bool isOfHead(std::string_view name) { return !name.starts_with("beit."); }

Status notFilled() { return failure(ErrorCode::kMissingTensor, "training", "the model has not got its weights yet"); }

}  // namespace

TrainingRun::TrainingRun(TrainingSettings settings, BeitImageProcessorConfig processor, std::unique_ptr<TrainingModel> model)
    : settings_(settings), augmenter_(std::move(processor), settings), model_(std::move(model)) {
  const BeitConfig& config = model_->config();
  const Size size = augmenter_.outputSize(config.image_size);
  example_ = {config.num_channels, size.height, size.width};
  drop_rates_ = dropPathRates(settings.drop_path < 0.0 ? config.drop_path_rate : settings.drop_path, config.num_hidden_layers);
  // Of what is frozen nothing is dropped: it makes the same of a picture each time.
  std::fill_n(drop_rates_.begin(), model_->frozenLayers(), 0.0);
}

Result<std::unique_ptr<TrainingRun>> TrainingRun::create(std::string_view config_json, std::string_view processor_json,
                                                         std::string_view settings_json, const Execution& execution) {
  BEIT_ASSIGN(BeitConfig config, parseConfig(config_json));
  BEIT_ASSIGN(BeitImageProcessorConfig processor, parseImageProcessorConfig(processor_json));
  BEIT_ASSIGN(const TrainingSettings settings, parseTrainingSettings(settings_json));
  BEIT_ASSIGN(const Trainable which, parseTrainable(settings.method, config.num_hidden_layers));
  config.problem_type = ProblemType::kSingleLabel;  // shares of classes are no labels of several
  BEIT_ASSIGN(std::unique_ptr<TrainingModel> model, TrainingModel::create(std::move(config), classOf(settings.task), which, execution));
  std::unique_ptr<TrainingRun> run(new TrainingRun(settings, std::move(processor), std::move(model)));
  run->execution_ = &execution;
  return run;
}

Status TrainingRun::supply(std::string_view name, std::span<float> values) {
  ParameterList& parameters = model_->parameters();
  if (name == kSharedTable && !parameters.find(name)) {
    // deliver() may change what it is given.
    BEIT_ASSIGN(const FloatBuffer table, FloatBuffer::copyOf(values, "a shared table of position biases"));
    for (int64_t layer = 0; layer < model_->config().num_hidden_layers; ++layer) {
      std::copy(table.span().begin(), table.span().end(), values.begin());
      BEIT_TRY(supply(tableOf(layer), values));
    }
    return {};
  }
  const Parameter* parameter = parameters.find(name);
  if (!parameter) return {};
  const int64_t count = elementCount(parameter->shape).value_or(0);
  if (static_cast<int64_t>(values.size()) != count) {
    if (isOfHead(name)) return {};
    return mismatch(ErrorCode::kWrongShape, std::string(name), std::to_string(values.size()) + " values", std::to_string(count));
  }
  return parameters.deliver(static_cast<size_t>(parameter - parameters.all().data()), values);
}

// unilm's head is drawn from a normal distribution that is cut off at two units, where it has next to nothing; and made small.
Result<FloatBuffer> TrainingRun::firstValues(const Parameter& parameter) const {
  BEIT_ASSIGN(FloatBuffer values, FloatBuffer::allocate(elementCount(parameter.shape).value_or(0), "a new head"));
  const bool weight = parameter.name.ends_with(".weight"), norm = !isOfHead(parameter.name);
  std::fill(values.span().begin(), values.span().end(), weight && norm ? 1.0f : 0.0f);
  if (!weight || norm) return values;
  const double scale = settings_.conventions == TrainingConventions::kUnilm ? 0.02 * 0.001 : 0.02;
  Random random(static_cast<uint64_t>(settings_.seed), RandomPurpose::kHead);
  for (float& value : values.span()) value = static_cast<float>(random.normal() * scale);
  return values;
}

Status TrainingRun::finish() {
  ParameterList& parameters = model_->parameters();
  for (size_t i = 0; i < parameters.all().size(); ++i) {
    Parameter& parameter = parameters.all()[i];
    if (parameter.received || settings_.task != TrainingTask::kClassification) continue;
    if (!isOfHead(parameter.name) && !parameter.name.starts_with("beit.pooler.")) continue;
    BEIT_ASSIGN(FloatBuffer values, firstValues(parameter));
    BEIT_TRY(parameters.deliver(i, values.span()));
  }
  BEIT_TRY(parameters.complete());
  BEIT_ASSIGN(trainer_, Trainer::create(model_->trained(), settings_, model_->config().num_hidden_layers, *execution_));
  return {};
}

Result<Buffer<int32_t>> TrainingRun::order(int64_t epoch, int64_t count) const {
  BEIT_ASSIGN(Buffer<int32_t> order, Buffer<int32_t>::allocate(count, "the order of pictures"));
  std::iota(order.begin(), order.end(), 0);
  Random random(static_cast<uint64_t>(settings_.seed), RandomPurpose::kOrder, static_cast<uint32_t>(epoch));
  for (int64_t i = count; i > 1; --i) std::swap(order[static_cast<size_t>(i - 1)], order[static_cast<size_t>(random.below(i))]);
  return order;
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

Status TrainingRun::startBatch(int64_t size, bool learn, bool states) {
  if (!trainer_) return notFilled();
  if (learn && trainer_->exchanged()) {
    return failure(ErrorCode::kInvalidArgument, "batch", "the weights are their average now, which nothing is learned by");
  }
  batch_.reset();
  const BeitConfig& config = model_->config();
  const Shape of_states{1 + config.patchGrid({example_[1], example_[2]}).area(), config.hidden_size};
  BEIT_ASSIGN(TrainingBatch batch, TrainingBatch::allocate(size, example_, states ? of_states : Shape()));
  batch_ = std::move(batch);
  learns_ = learn;
  if (learn) model_->clearGradients();
  return {};
}

Status TrainingRun::checkExample(const Tensor& pixels) const {
  const Shape one{1, example_[0], example_[1], example_[2]};
  return pixels.shape == one ? Status() : mismatch(ErrorCode::kWrongShape, "picture", toString(pixels.shape), toString(one));
}

Status TrainingRun::checkBatch(TrainingTask task) const {
  if (!batch_) return failure(ErrorCode::kInvalidArgument, "batch", "none has been started");
  if (settings_.task == task) return {};
  const char *labels = "examples with labels", *masks = "examples of which patches are hidden";
  const bool wants_labels = settings_.task == TrainingTask::kClassification;
  return mismatch(ErrorCode::kInvalidArgument, "batch", wants_labels ? masks : labels, wants_labels ? labels : masks);
}

Status TrainingRun::addPicture(const ImageView8& image, int64_t label, int64_t epoch, int64_t picture) {
  BEIT_ASSIGN(const Tensor pixels, learns_ ? augmenter_.pixelsOf(image, epoch, picture) : augmenter_.plainPixelsOf(image));
  BEIT_TRY(checkExample(pixels));
  return addValues(pixels.values.span(), label);
}

Status TrainingRun::addValues(std::span<const float> values, int64_t label) {
  BEIT_TRY(checkBatch(TrainingTask::kClassification));
  return batch_->add(values, label, classes());
}

Result<Tensor> TrainingRun::addViews(const ImageView8& image, int64_t epoch, int64_t picture) {
  const Size grid = model_->config().patchGrid({example_[1], example_[2]});
  const Size tokenizer{grid.height * kTokenPixels, grid.width * kTokenPixels};
  BEIT_ASSIGN(Views<Tensor> views,
              learns_ ? augmenter_.viewsOf(image, epoch, picture, tokenizer) : augmenter_.plainViewsOf(image, tokenizer));
  BEIT_TRY(checkExample(views.model));
  BEIT_TRY(addValues(views.model.values.span()));
  return std::move(views.tokenizer);
}

Status TrainingRun::addValues(std::span<const float> values) {
  BEIT_TRY(checkBatch(TrainingTask::kMaskedImages));
  return batch_->add(values);
}

Status TrainingRun::hide(std::span<const uint8_t> mask, std::span<const int32_t> tokens) {
  BEIT_TRY(checkBatch(TrainingTask::kMaskedImages));
  return batch_->hide(mask, tokens, model_->config().vocab_size);
}

uint32_t TrainingRun::maskSeed(int64_t epoch, int64_t picture) const {
  return Random(static_cast<uint64_t>(settings_.seed), RandomPurpose::kMask, static_cast<uint32_t>(epoch), static_cast<uint32_t>(picture))
      .bits();
}

Status TrainingRun::mix() {
  if (!batch_ || !learns_) return failure(ErrorCode::kInvalidArgument, "batch", "none to learn from has been started");
  return settings_.task == TrainingTask::kClassification ? batch_->mix(settings_, trainer_->steps(), classes()) : Status();
}

Result<std::unique_ptr<ForwardPass>> TrainingRun::begin(int64_t first, int64_t count) {
  if (!batch_) return failure(ErrorCode::kInvalidArgument, "batch", "none has been started");
  const auto rates = learns_ ? std::span<const double>(drop_rates_) : std::span<const double>();
  BEIT_ASSIGN(TrainingInputs inputs, batch_->inputs(first, count, rates, settings_.seed, trainer_->steps()));
  GradientOptions options;
  options.evaluate = !learns_;
  options.weight = static_cast<float>(batch_->shareOf(first, count));
  return model_->begin(std::move(inputs), options);
}

Result<std::unique_ptr<ForwardPass>> TrainingRun::frozenPass(int64_t first, int64_t count) {
  if (!batch_) return failure(ErrorCode::kInvalidArgument, "batch", "none has been started");
  BEIT_ASSIGN(TrainingInputs inputs, batch_->inputs(first, count, {}, settings_.seed, trainer_->steps()));
  inputs.labels.reset();
  return model_->begin(std::move(inputs), {.frozen_states_only = true});
}

Result<TrainerStep> TrainingRun::applyStep() {
  if (!batch_ || !learns_) return failure(ErrorCode::kInvalidArgument, "batch", "there is none that has been learned from");
  batch_.reset();
  return trainer_->applyStep();
}

}  // namespace beit
