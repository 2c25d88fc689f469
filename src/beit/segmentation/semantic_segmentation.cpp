#include "src/beit/segmentation/semantic_segmentation.h"

#include <algorithm>

#include "src/base/order.h"
#include "src/beit/losses.h"

namespace beit {

namespace {

// Returns the hidden states that out_indices name. The reference reads hidden_states[i - 1] for index
// i, so that [3, 5, 7, 11] are the outputs of layers 2, 4, 6 and 10; unilm, where these checkpoints
// come from, taps after layers 4, 6, 8 and 12.
std::vector<size_t> tapsOf(const BeitConfig& config, OutIndicesRule taps) {
  std::vector<size_t> states;
  for (const int64_t index : config.out_indices)
    states.push_back(static_cast<size_t>(taps == OutIndicesRule::kTransformers ? index - 1 : index + 1));
  sortNumbers(states);
  return states;
}

}  // namespace

// What one pass holds beside the encoder's states.
struct BeitForSemanticSegmentation::Progress {
  std::shared_ptr<const ForwardInputs> inputs;
  Size grid;
  // (batch, kLevels): the tapped states without cls
  std::vector<std::array<FeatureMap, UperHead::kLevels>> features;
  Tensor logits;
  std::vector<FeatureMap> auxiliary_logits;  // one an image, only for a loss
};

Result<std::unique_ptr<Model>> BeitForSemanticSegmentation::create(BeitConfig config, const ModelOptions& options,
                                                                   const Execution& execution) {
  if (config.num_labels < 1)  // no labels are a classifier without outputs, which only BeitForImageClassification has
    return mismatch(ErrorCode::kBadConfig, "num_labels", std::to_string(config.num_labels), "at least 1 label to segment by");
  const std::vector<size_t> taps = tapsOf(config, options.out_indices_rule);
  const bool rising = std::adjacent_find(taps.begin(), taps.end()) == taps.end();
  if (taps.size() != UperHead::kLevels || !rising ||
      taps.back() > static_cast<size_t>(config.num_hidden_layers))  // index 0 - 1 wraps to the top
    return mismatch(ErrorCode::kBadConfig, "out_indices", toString(Shape(config.out_indices)),
                    "four different layers, such as [3, 5, 7, 11] for 12 layers");
  return std::unique_ptr<Model>(new BeitForSemanticSegmentation(std::move(config), options, execution));
}

BeitForSemanticSegmentation::BeitForSemanticSegmentation(BeitConfig config, const ModelOptions& options, const Execution& execution)
    : BeitPreTrainedModel(std::move(config), kClassName, execution),
      taps_(tapsOf(config_, options.out_indices_rule)),
      body_(parameters_, config_, VisionTransformer::Parts::kEncoderAndNorm, options.dtype, execution_) {
  decode_head_.declare(execution_, parameters_, config_, options.dtype);
  if (config_.use_auxiliary_head && options.auxiliary_head) {
    auxiliary_head_ = std::make_unique<FcnHead>();
    auxiliary_head_->declare(execution_, parameters_, config_);
  }
}

Status BeitForSemanticSegmentation::addSteps(ForwardPass& pass, std::shared_ptr<const ForwardInputs> inputs,
                                             const ForwardOptions& options) {
  BEIT_TRY(body_.check(*inputs));
  const Shape& shape = inputs->pixel_values.shape;
  const int64_t batch = shape[0], channels = config_.hidden_size;
  const Size grid = config_.patchGrid({shape[2], shape[3]});
  if (grid.height < 2 || grid.width < 2)
    return mismatch(ErrorCode::kWrongShape, "pixel_values", toString(shape), "at least two patches each way");
  if (inputs->labels) {
    BEIT_TRY(checkSegmentationLabels(*inputs->labels, config_, batch));
    if (config_.use_auxiliary_head && !auxiliary_head_)
      return failure(ErrorCode::kInvalidArgument, "labels", "a loss needs the auxiliary head, which this model was loaded without");
  }
  auto progress = std::make_shared<Progress>();
  progress->inputs = inputs;
  progress->grid = grid;
  progress->features.resize(static_cast<size_t>(batch));
  BEIT_ASSIGN(progress->logits, execution_.workspace().tensor({batch, config_.num_labels, 4 * grid.height, 4 * grid.width}, "logits"));

  const auto keepTap = [=, this](ForwardPass&, size_t index, const VisionTransformer::HiddenStates& states) -> Status {
    const auto found = std::find(taps_.begin(), taps_.end(), index);
    if (found == taps_.end()) return {};
    for (int64_t b = 0; b < batch; ++b) {
      FeatureMap& map = progress->features[static_cast<size_t>(b)][static_cast<size_t>(found - taps_.begin())];
      BEIT_ASSIGN(map, FeatureMap::allocate(execution_.workspace(), grid, channels, "tapped features"));
      execution_.compute([&] { std::copy_n(states.hidden.data() + (b * states.tokens + 1) * channels, map.count(), map.data()); });
    }
    return {};
  };
  BEIT_ASSIGN(const auto states, body_.addSteps(pass, inputs, options, taps_.back(), keepTap));
  for (int64_t b = 0; b < batch; ++b) addHeadSteps(pass, progress, b);
  pass.add([this, progress](ForwardPass& to) -> Status {
    if (progress->inputs->labels) {
      BEIT_ASSIGN(Tensor loss, execution_.workspace().tensor({1}, "loss"));
      BEIT_ASSIGN(loss.values.data()[0],
                  segmentationLoss(progress->logits, progress->auxiliary_logits, *progress->inputs->labels, config_));
      to.output("loss", std::move(loss));
    }
    to.output("logits", std::move(progress->logits));
    return {};
  });
  return {};
}

void BeitForSemanticSegmentation::addHeadSteps(ForwardPass& pass, std::shared_ptr<Progress> progress, int64_t image) const {
  auto head = std::make_shared<UperHead::State>();
  const auto index = static_cast<size_t>(image);
  pass.add([=](ForwardPass&) -> Status {
    head->levels = std::move(progress->features[index]);
    const Shape& shape = progress->logits.shape;
    head->logits = progress->logits.values.data() + image * shape[1] * shape[2] * shape[3];
    return {};
  });
  if (progress->inputs->labels && auxiliary_head_)
    pass.add([=, this](ForwardPass&) -> Status {
      constexpr size_t kInput = 2;  // the reference's in_index
      BEIT_ASSIGN(FeatureMap logits, auxiliary_head_->run(execution_, head->levels[kInput]));
      progress->auxiliary_logits.push_back(std::move(logits));
      return {};
    });
  decode_head_.addSteps(pass, execution_, head, progress->grid);
}

}  // namespace beit
