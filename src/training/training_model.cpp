#include "src/training/training_model.h"

#include <algorithm>

#include "src/beit/class_name.h"
#include "src/beit/embeddings.h"
#include "src/beit/image_classification.h"
#include "src/beit/masked_image_modeling.h"
#include "src/beit/specs.h"
#include "src/training/bias_table_backward.h"

namespace beit {

// What a pass holds.
struct TrainingModel::Pass {
  TrainingInputs inputs;
  GradientOptions options;
  Sequences sequences;
  EmbeddingsScratch embeddings;
  FloatBuffer states;            // (B, T, C): before the first tape and after the last layer; then their gradient
  LayerTape work;                // of layers without one
  std::vector<LayerTape> tapes;  // of the trained layers
  LayerScratch scratch;
  HeadTape head;
};

namespace {

// Returns the list of the parameters that the model of that class expects.
Result<std::unique_ptr<Model>> declared(const BeitConfig& config, const std::string& name, const Execution& execution) {
  if (name == BeitForImageClassification::kClassName) {
    if (config.num_labels < 1)
      return mismatch(ErrorCode::kBadConfig, "num_labels", std::to_string(config.num_labels), "one label at least");
    return std::unique_ptr<Model>(std::make_unique<BeitForImageClassification>(config, WeightType::kFloat32, execution));
  }
  if (name == BeitForMaskedImageModeling::kClassName) {
    if (!config.use_mask_token) return mismatch(ErrorCode::kBadConfig, "use_mask_token", "false", "true, since masked patches are learned");
    return std::unique_ptr<Model>(std::make_unique<BeitForMaskedImageModeling>(config, WeightType::kFloat32, execution));
  }
  return mismatch(ErrorCode::kUnsupported, "Model class that is trained", "\"" + name + "\"",
                  "BeitForImageClassification or BeitForMaskedImageModeling");
}

TrainedHead::Reads readBy(const std::string& class_name, const BeitConfig& config) {
  if (class_name == BeitForMaskedImageModeling::kClassName) return TrainedHead::Reads::kMaskedPatches;
  return config.use_mean_pooling ? TrainedHead::Reads::kMeanOfPatches : TrainedHead::Reads::kCls;
}

}  // namespace

Result<std::unique_ptr<TrainingModel>> TrainingModel::create(BeitConfig config, std::string_view class_name, const Trainable& which,
                                                             const Execution& execution) {
  const std::string name = plainClassName(class_name);
  if (which.method == Trainable::Method::kLast && (which.layers < 0 || which.layers > config.num_hidden_layers))
    return mismatch(ErrorCode::kInvalidArgument, "Layers that are trained", std::to_string(which.layers),
                    "0 to " + std::to_string(config.num_hidden_layers));
  BEIT_ASSIGN(const std::unique_ptr<Model> model, declared(config, name, execution));
  return std::unique_ptr<TrainingModel>(new TrainingModel(std::move(config), name, which, model->parameters(), execution));
}

TrainingModel::TrainingModel(BeitConfig config, const std::string& class_name, const Trainable& which, const ParameterList& declared,
                             const Execution& execution)
    : execution_(execution), config_(std::move(config)), class_name_(class_name), frozen_layers_(beit::frozenLayers(which, config_)) {
  values_.declare(declared, parameters_, [&](std::string_view name) { return isTrained(which, config_, name); });
  const EncoderSpec spec = encoderSpec(config_);
  embeddings_ = std::make_unique<TrainedEmbeddings>(values_, config_);
  for (int64_t i = 0; i < spec.layers; ++i)
    layers_.push_back(std::make_unique<TrainedLayer>(values_, "beit.encoder.layer." + std::to_string(i), spec));
  shared_bias_table_ = values_.find("beit.encoder.relative_position_bias.relative_position_bias_table");
  head_ = std::make_unique<TrainedHead>(values_, config_, readBy(class_name, config_));
}

TrainingModel::~TrainingModel() = default;

Status TrainingModel::check(const TrainingInputs& inputs, const GradientOptions& options) const {
  const bool given = !inputs.frozen_states.shape.empty();
  BEIT_TRY(checkInputs(inputs, config_, /*values=*/!given));
  BEIT_TRY(head_->check(inputs));
  if (!inputs.labels && !options.evaluate && !options.frozen_states_only)
    return mismatch(ErrorCode::kInvalidArgument, "labels", "none", "labels, since gradients are those of a loss");
  const Shape& shape = inputs.pixel_values.shape;
  const auto branches = static_cast<int64_t>(inputs.branch_scale.size()), wanted = config_.num_hidden_layers * 2 * shape[0];
  if (branches != 0 && branches != wanted)
    return mismatch(ErrorCode::kWrongShape, "branch_scale", std::to_string(branches) + " factors",
                    std::to_string(wanted) + ", two for each layer and image");
  if ((given || options.frozen_states_only) && embeddings_->trained())
    return mismatch(ErrorCode::kInvalidArgument, "frozen_states", "states where the embeddings are trained", "none");
  const Shape expected{shape[0], 1 + config_.patchGrid({shape[2], shape[3]}).area(), config_.hidden_size};
  if (given && (inputs.frozen_states.shape != expected ||
                static_cast<int64_t>(inputs.frozen_states.values.size()) != expected[0] * expected[1] * expected[2]))
    return mismatch(ErrorCode::kWrongShape, "frozen_states", toString(inputs.frozen_states.shape), toString(expected));
  return {};
}

Status TrainingModel::allocate(Pass& pass) const {
  const Workspace& workspace = execution_.workspace();
  const EncoderSpec spec = encoderSpec(config_);
  const Shape& shape = pass.inputs.pixel_values.shape;
  pass.sequences = {shape[0], config_.patchGrid({shape[2], shape[3]})};
  const Sequences& sequences = pass.sequences;
  const bool backward = !pass.options.evaluate && !pass.options.frozen_states_only, given = !pass.inputs.frozen_states.shape.empty();
  BEIT_ASSIGN(pass.states, workspace.floats(sequences.rows() * config_.hidden_size, "hidden states"));
  if (!given) {
    BEIT_ASSIGN(pass.embeddings.columns, workspace.floats(sequences.batch * sequences.grid.area() * embeddings_->patchPixels(), "patches"));
  }
  const int64_t taped = backward ? config_.num_hidden_layers - frozen_layers_ : 0;
  for (int64_t i = 0; i < taped; ++i) {
    const bool branches = layers_[static_cast<size_t>(frozen_layers_ + i)]->needsBranches();
    BEIT_ASSIGN(LayerTape tape, LayerTape::allocate(execution_, spec, sequences, /*kept=*/true, branches));
    pass.tapes.push_back(std::move(tape));
  }
  const int64_t last = pass.options.frozen_states_only ? frozen_layers_ : config_.num_hidden_layers;
  if (taped < last - (given ? frozen_layers_ : 0)) {
    BEIT_ASSIGN(pass.work, LayerTape::allocate(execution_, spec, sequences, /*kept=*/false, /*branches=*/false));
  }
  BEIT_ASSIGN(pass.scratch, LayerScratch::allocate(execution_, spec, sequences, backward, biased()));
  pass.embeddings.patches = pass.scratch.narrow[0].data();
  embeddings_->need(sequences.rows(), pass.scratch.products);
  if (!layers_.empty()) layers_.front()->need(sequences.rows(), pass.scratch.products);
  if (!pass.options.frozen_states_only) {
    const int64_t rows = head_->rows(pass.inputs);
    BEIT_ASSIGN(pass.head, head_->allocate(execution_, rows));
    head_->need(rows, pass.scratch.products);
  }
  return pass.scratch.products.allocate(execution_);
}

bool TrainingModel::biased() const {
  const auto is = [](const TrainedParameter* table) { return table && table->trained; };
  return is(shared_bias_table_) || (!layers_.empty() && is(layers_.back()->biasTable()));
}

// Returns the sum of the layer's own table and the shared one, laid out; empty where there is none.
GridBias TrainingModel::biasOf(size_t layer, Size grid) const {
  if (execution_.workspace().counting()) return {};
  const RelativePositionBiasSpec spec = encoderSpec(config_).bias;
  std::vector<float> sum;
  for (const TrainedParameter* table : {layers_[layer]->biasTable(), shared_bias_table_}) {
    if (!table) continue;
    std::vector<float> resized = resizeBiasTable(table->value.data(), spec.grid, grid, spec.heads, spec.resize);
    for (size_t i = 0; i < sum.size(); ++i) resized[i] += sum[i];
    sum = std::move(resized);
  }
  return sum.empty() ? GridBias() : GridBias(sum, grid, spec.heads);
}

const float* TrainingModel::branchScale(const Pass& pass, size_t layer) {
  if (pass.inputs.branch_scale.empty()) return nullptr;
  return pass.inputs.branch_scale.data() + static_cast<int64_t>(layer) * 2 * pass.sequences.batch;
}

void TrainingModel::runLayer(Pass& pass, size_t layer) const {
  const auto first = static_cast<size_t>(frozen_layers_);
  // The tape of layer `index`, or null; where layer `index` reads, which is behind the last layer the end.
  const auto tapeOf = [&](size_t index) {
    return index >= first && index - first < pass.tapes.size() ? &pass.tapes[index - first] : nullptr;
  };
  const auto inputOf = [&](size_t index) { return tapeOf(index) ? tapeOf(index)->input.data() : pass.states.data(); };
  LayerTape* tape = tapeOf(layer);
  layers_[layer]->forward(execution_, pass.sequences, biasOf(layer, pass.sequences.grid), branchScale(pass, layer), inputOf(layer),
                          tape ? *tape : pass.work, pass.scratch, inputOf(layer + 1));
}

void TrainingModel::runLayerBackward(Pass& pass, size_t layer) const {
  LayerTape& tape = pass.tapes.back();
  const GridBias bias = biasOf(layer, pass.sequences.grid);
  layers_[layer]->backward(execution_, pass.sequences, bias, branchScale(pass, layer), tape, pass.scratch, pass.states.data());
  if (biased()) {
    TrainedParameter* const tables[] = {layers_[layer]->biasTable(), shared_bias_table_};
    addBiasTableGradient(execution_, encoderSpec(config_).bias, pass.sequences.grid, pass.sequences.batch,
                         pass.scratch.attention.biasGradients(), tables);
  }
  pass.tapes.pop_back();
}

Status TrainingModel::addSteps(ForwardPass& steps, TrainingInputs inputs, const GradientOptions& options) const {
  auto pass = std::make_shared<Pass>();
  pass->inputs = std::move(inputs);
  pass->options = options;
  BEIT_TRY(allocate(*pass));
  const auto layers = layers_.size(), frozen = static_cast<size_t>(frozen_layers_);
  const bool given = !pass->inputs.frozen_states.shape.empty();

  // Where the first trained layer, or the head, reads.
  const auto frozenStates = [pass] { return pass->tapes.empty() ? pass->states.data() : pass->tapes.front().input.data(); };
  if (given) {
    steps.add([this, pass, frozenStates](ForwardPass&) -> Status {
      execution_.compute([&] { std::ranges::copy(pass->inputs.frozen_states.values.span(), frozenStates()); });
      return {};
    });
  } else {
    steps.add([this, pass, frozenStates, frozen](ForwardPass&) -> Status {
      embeddings_->forward(execution_, pass->inputs, pass->embeddings, pass->scratch.products,
                           frozen == 0 ? frozenStates() : pass->states.data());
      return {};
    });
  }
  for (size_t i = given ? frozen : 0; i < (options.frozen_states_only ? frozen : layers); ++i) {
    steps.add([this, pass, i](ForwardPass&) -> Status {
      runLayer(*pass, i);
      return {};
    });
  }
  if (options.frozen_states_only) {
    steps.add([this, pass](ForwardPass& to) -> Status {
      const Sequences& sequences = pass->sequences;
      to.output("frozen_states", {{sequences.batch, sequences.tokens(), config_.hidden_size}, std::move(pass->states)});
      return {};
    });
    return {};
  }
  steps.add([this, pass](ForwardPass& to) -> Status {
    const bool backward = !pass->options.evaluate;
    head_->forward(execution_, pass->inputs, pass->sequences, pass->states.data(), pass->head, pass->scratch.products);
    if (pass->inputs.labels) {
      BEIT_ASSIGN(Tensor loss, execution_.workspace().tensor({1}, "loss"));
      const float value = head_->loss(execution_, pass->inputs, pass->options.weight, backward, pass->head);
      execution_.compute([&] { loss.values.data()[0] = value; });
      to.output("loss", std::move(loss));
    }
    if (backward) head_->backward(execution_, pass->inputs, pass->sequences, pass->head, pass->scratch.products, pass->states.data());
    to.output("logits", std::move(pass->head.logits));
    return {};
  });
  if (options.evaluate) return {};
  for (size_t i = layers; i-- > frozen;)
    steps.add([this, pass, i](ForwardPass&) -> Status {
      runLayerBackward(*pass, i);
      return {};
    });
  if (embeddings_->trained())
    steps.add([this, pass](ForwardPass&) -> Status {
      embeddings_->backward(execution_, pass->inputs, pass->states.data(), pass->embeddings, pass->scratch.products);
      return {};
    });
  return {};
}

Result<std::unique_ptr<ForwardPass>> TrainingModel::begin(TrainingInputs inputs, const GradientOptions& options) {
  BEIT_TRY(parameters_.complete());
  BEIT_TRY(check(inputs, options));
  auto pass = std::make_unique<ForwardPass>();
  BEIT_TRY(addSteps(*pass, std::move(inputs), options));
  return pass;
}

// The steps of one pass, on a workspace that counts.
Status TrainingModel::runTypical(int64_t batch, Size size) const {
  TrainingInputs inputs;
  BEIT_ASSIGN(inputs.pixel_values, execution_.workspace().tensor({batch, config_.num_channels, size.height, size.width}, "pixel_values"));
  inputs.labels.emplace().values = std::vector<int32_t>();
  if (class_name_ == BeitForMaskedImageModeling::kClassName) {
    const int64_t patches = batch * config_.patchGrid(size).area();
    inputs.mask_shape = {batch, config_.patchGrid(size).area()};
    inputs.bool_masked_pos.resize(static_cast<size_t>(patches));
    std::fill_n(inputs.bool_masked_pos.begin(), (patches * 2 + 4) / 5, uint8_t{1});  // as many as the reference masks
  }
  ForwardPass pass;
  BEIT_TRY(addSteps(pass, std::move(inputs), {}));
  for (bool done = false; !done;) {
    BEIT_ASSIGN(done, pass.step());
  }
  return {};
}

TrainingEstimate TrainingModel::estimate(int64_t batch, Size size) {
  constexpr int64_t kSmallThings = 32 << 10;  // steps, shapes and names, what malloc rounds up
  const WorkProfile profile = execution_.profile();
  TrainingEstimate estimate{parameters_.bytes(), 0, kSmallThings, parameters_.largestBytes()};
  for (const TrainedParameter& each : values_.all())
    if (each.trained) estimate.gradients += *elementCount(each.shape) * static_cast<int64_t>(sizeof(float));
  {
    const Workspace::Counting counting(execution_.workspace());
    const Status ran = runTypical(batch, size);
    estimate.activations += counting.most();
    if (!ran.ok()) estimate.activations += ran.error().bytes;
  }
  execution_.profile() = profile;
  estimate.activations += tableBytes(config_.patchGrid(size));
  return estimate;
}

// Tables that are laid out, resized or summed up while all else is held.
int64_t TrainingModel::tableBytes(Size grid) const {
  int64_t bytes = 0;
  if (shared_bias_table_ || (!layers_.empty() && layers_.back()->biasTable())) {
    const int64_t trained = GridBiasGradient::floats(config_.patchGrid()), now = GridBiasGradient::floats(grid);
    // The sum of tables laid out, its gradient in double precision, and that of the table, which grows by its last rows.
    bytes += config_.num_attention_heads * (4 * now + 8 * now + (trained == now ? 8 : 24) * trained);
  }
  if (config_.use_absolute_position_embeddings && grid != config_.patchGrid()) bytes += 4 * grid.area() * config_.hidden_size;
  return bytes;
}

void TrainingModel::clearGradients() {
  for (TrainedParameter& each : values_.all()) std::ranges::fill(each.gradient.span(), 0.0f);
}

}  // namespace beit
