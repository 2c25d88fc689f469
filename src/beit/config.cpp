#include "src/beit/config.h"

#include <algorithm>
#include <array>
#include <limits>

#include "src/base/json.h"
#include "src/base/json_fields.h"
#include "src/beit/config_labels.h"

namespace beit {
namespace {

// Bounds far above any checkpoint, chosen so that products stay countable: an attention matrix of
// every layer has at most kMaxPatches^2 * heads = 2^40 * 2^16 elements, the patch convolution at
// most kMaxPatchValues * kMaxHidden = 2^40.
constexpr int64_t kMaxHidden = 65536;
constexpr int64_t kMaxIntermediate = 4 * kMaxHidden;
constexpr int64_t kMaxLayers = 1024;
constexpr int64_t kMaxVocabulary = 10'000'000;
constexpr int64_t kMaxPixels = 65536;  // of a side
constexpr int64_t kMaxChannels = 1024;
constexpr int64_t kMaxPatches = int64_t{1} << 20;
// Weights are packed in panels of eight outputs, of however few there are: these bytes must fit 32 bits too.
constexpr int64_t kMaxPatchValues = int64_t{1} << 24;
constexpr int64_t kMaxPoolScale = 4096;
constexpr double kMaxReal = std::numeric_limits<float>::max();

constexpr std::array kProblemTypes{ProblemType::kRegression, ProblemType::kSingleLabel, ProblemType::kMultiLabel};

Status readActivation(JsonFields& fields, Activation& activation) {
  const JsonValue field = fields.take("hidden_act");
  if (!field.exists()) return {};
  const auto name = field.asString();
  const auto known = name ? activationOf(*name) : std::nullopt;
  if (!known) return badField("hidden_act", field, "one of " + activationNames());
  activation = *known;
  return {};
}

Status readProblemType(JsonFields& fields, std::optional<ProblemType>& type) {
  const JsonValue field = fields.take("problem_type");
  if (!field.exists()) return {};
  const auto name = field.asString();
  for (const ProblemType each : kProblemTypes) {
    if (name == toString(each)) {
      type = each;
      return {};
    }
  }
  return badField("problem_type", field, "regression, single_label_classification or multi_label_classification");
}

// Which stages a backbone or a segmentation head takes: get_aligned_output_features_output_indices
// of utils/backbone_utils.py.
Status readStages(JsonFields& fields, BeitConfig& config) {
  const int64_t layers = config.num_hidden_layers;
  const size_t stages = static_cast<size_t>(layers + 1);
  const auto fits = [&](int64_t index) { return index >= 0 && index <= layers; };

  // Older names. Their class default [3, 5, 7, 11] was written to every file, also of models with
  // fewer layers, and so is Data2VecVision's: one that does not fit was never used.
  std::vector<int64_t> older;
  constexpr int64_t kAny = kMaxLayers;
  BEIT_TRY(fields.integers("semantic_out_indices", -kAny, kAny, stages + kAny, older));
  std::vector<int64_t>& indices = config.out_indices;
  BEIT_TRY(fields.integers("out_indices", -kAny, kAny, stages + kAny, indices));
  BEIT_TRY(fields.integers("segmentation_indices", -kAny, kAny, stages + kAny, indices));
  const bool checked = config.model_type == "beit" && !indices.empty();
  if (indices.empty()) indices = older;

  for (int64_t& index : indices) {
    const int64_t given = index;
    if (index < 0) index += layers + 1;
    if (fits(index)) continue;
    if (checked) {
      return mismatch(ErrorCode::kBadConfig, "out_indices", std::to_string(given),
                      "indices of 0 to " + std::to_string(layers) + " (the number of layers)");
    }
    indices.clear();
    break;
  }

  const std::vector<std::string> names = config.stage_names();
  BEIT_TRY(fields.texts("out_features", stages, config.out_features));
  fields.take("stage_names");  // always written, always the same
  std::vector<int64_t> featured;
  for (const std::string& feature : config.out_features) {
    const auto name = std::find(names.begin(), names.end(), feature);
    if (name == names.end()) {
      return mismatch(ErrorCode::kBadConfig, "out_features", '"' + feature + '"', "stem, or stage1 to stage" + std::to_string(layers));
    }
    featured.push_back(name - names.begin());
  }
  if (config.out_features.empty()) {
    for (const int64_t index : indices) config.out_features.push_back(names[static_cast<size_t>(index)]);
  } else if (indices.empty()) {
    indices = featured;
  } else if (indices != featured) {
    return failure(ErrorCode::kBadConfig, "out_features", "they name other stages than out_indices");
  }
  return {};
}

Status readSegmentation(JsonFields& fields, BeitConfig& config) {
  BEIT_TRY(readStages(fields, config));
  BEIT_TRY(fields.flag("add_fpn", config.add_fpn));
  BEIT_TRY(fields.flag("reshape_hidden_states", config.reshape_hidden_states));
  BEIT_TRY(fields.integers("pool_scales", 1, kMaxPoolScale, 16, config.pool_scales));
  BEIT_TRY(fields.flag("use_auxiliary_head", config.use_auxiliary_head));
  BEIT_TRY(fields.real("auxiliary_loss_weight", -kMaxReal, kMaxReal, config.auxiliary_loss_weight));
  BEIT_TRY(fields.integer("auxiliary_channels", 1, kMaxHidden, config.auxiliary_channels));
  BEIT_TRY(fields.integer("auxiliary_num_convs", 0, 64, config.auxiliary_num_convs));
  BEIT_TRY(fields.flag("auxiliary_concat_input", config.auxiliary_concat_input));
  constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
  return fields.integer("semantic_loss_ignore_index", -kMax, kMax, config.semantic_loss_ignore_index);
}

Status readEncoder(JsonFields& fields, BeitConfig& config) {
  BEIT_TRY(fields.integer("vocab_size", 1, kMaxVocabulary, config.vocab_size));
  BEIT_TRY(fields.integer("hidden_size", 1, kMaxHidden, config.hidden_size));
  BEIT_TRY(fields.integer("num_hidden_layers", 1, kMaxLayers, config.num_hidden_layers));
  BEIT_TRY(fields.integer("num_attention_heads", 1, kMaxHidden, config.num_attention_heads));
  BEIT_TRY(fields.integer("intermediate_size", 1, kMaxIntermediate, config.intermediate_size));
  BEIT_TRY(readActivation(fields, config.hidden_act));
  BEIT_TRY(fields.real("hidden_dropout_prob", 0, 1, config.hidden_dropout_prob));
  BEIT_TRY(fields.real("attention_probs_dropout_prob", 0, 1, config.attention_probs_dropout_prob));
  BEIT_TRY(fields.real("drop_path_rate", 0, 1, config.drop_path_rate));
  BEIT_TRY(fields.real("initializer_range", 0, kMaxReal, config.initializer_range));
  BEIT_TRY(fields.real("layer_norm_eps", 0, 1, config.layer_norm_eps));
  BEIT_TRY(fields.size("image_size", 1, kMaxPixels, config.image_size));
  BEIT_TRY(fields.size("patch_size", 1, kMaxPixels, config.patch_size));
  BEIT_TRY(fields.integer("num_channels", 1, kMaxChannels, config.num_channels));
  BEIT_TRY(fields.flag("use_mask_token", config.use_mask_token));
  BEIT_TRY(fields.flag("use_absolute_position_embeddings", config.use_absolute_position_embeddings));
  BEIT_TRY(fields.flag("use_relative_position_bias", config.use_relative_position_bias));
  BEIT_TRY(fields.flag("use_shared_relative_position_bias", config.use_shared_relative_position_bias));
  BEIT_TRY(fields.real("layer_scale_init_value", -kMaxReal, kMaxReal, config.layer_scale_init_value));
  return fields.flag("use_mean_pooling", config.use_mean_pooling);
}

// What holds between fields.
Status check(const BeitConfig& config) {
  if (config.hidden_size % config.num_attention_heads != 0) {
    return mismatch(ErrorCode::kBadConfig, "hidden_size", std::to_string(config.hidden_size),
                    "a multiple of num_attention_heads, " + std::to_string(config.num_attention_heads));
  }
  const auto text = [](Size size) { return std::to_string(size.height) + " x " + std::to_string(size.width); };
  const Size grid = config.patchGrid();
  if (grid.height < 1 || grid.width < 1) {
    return mismatch(ErrorCode::kBadConfig, "patch_size", text(config.patch_size), "at most image_size, " + text(config.image_size));
  }
  const int64_t patch_values = config.num_channels * config.patch_size.area();
  if (patch_values > kMaxPatchValues) {
    return mismatch(ErrorCode::kBadConfig, "patch_size", std::to_string(patch_values) + " values in a patch",
                    "at most " + std::to_string(kMaxPatchValues));
  }
  if (grid.area() > kMaxPatches) {
    return mismatch(ErrorCode::kBadConfig, "image_size", std::to_string(grid.area()) + " patches",
                    "at most " + std::to_string(kMaxPatches));
  }
  return {};
}

}  // namespace

std::string_view toString(ProblemType type) {
  switch (type) {
    case ProblemType::kRegression: return "regression";
    case ProblemType::kSingleLabel: return "single_label_classification";
    case ProblemType::kMultiLabel: return "multi_label_classification";
  }
  return "";
}

std::vector<std::string> BeitConfig::stage_names() const {
  std::vector<std::string> names{"stem"};
  for (int64_t i = 1; i <= num_hidden_layers; ++i) names.push_back("stage" + std::to_string(i));
  return names;
}

Result<BeitConfig> parseConfig(std::string_view json) {
  BEIT_ASSIGN(const Json document, Json::parse(json, "config.json"));
  if (!document.root().isObject()) {
    return badField("config.json", document.root(), "an object");
  }
  JsonFields fields(document.root());
  BeitConfig config;
  BEIT_TRY(fields.text("model_type", config.model_type));
  if (config.model_type != "beit" && config.model_type != "data2vec-vision") {
    return mismatch(ErrorCode::kUnsupported, "model_type", '"' + config.model_type + '"',
                    "\"beit\" or \"data2vec-vision\", the models that this library runs");
  }
  BEIT_TRY(fields.texts("architectures", 64, config.architectures));
  BEIT_TRY(readEncoder(fields, config));
  BEIT_TRY(readSegmentation(fields, config));
  BEIT_TRY(readLabels(fields, config));
  BEIT_TRY(readProblemType(fields, config.problem_type));
  BEIT_TRY(check(config));
  config.unknown_fields = fields.unknown();
  return config;
}

}  // namespace beit
