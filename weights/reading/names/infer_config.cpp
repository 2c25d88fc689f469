#include "weights/reading/names/infer_config.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

#include "weights/reading/names/naming.h"

namespace beit {

namespace {

using Shapes = std::map<std::string, Shape, std::less<>>;  // by parameter, in the project's naming

Shape parameterShape(const Shape& file, const ParameterShare& target) {
  Shape shape = file;
  if (target.layout == TensorLayout::kTransposed) std::reverse(shape.begin(), shape.end());
  if (target.layout == TensorLayout::kHwio && file.size() == 4) shape = {file[3], file[2], file[0], file[1]};
  if (!shape.empty()) shape[0] /= target.parts;
  return shape;
}

// What each name is in its first reading, and in `others` in its second.
Shapes shapesOf(Dialect dialect, const std::vector<TensorEntry>& entries, size_t reading) {
  Shapes shapes;
  for (const TensorEntry& entry : entries) {
    const auto all = candidates(dialect, entry.name);
    if (reading < all.size())
      for (const ParameterShare& target : all[reading]) shapes[target.parameter] = parameterShape(entry.shape, target);
  }
  return shapes;
}

// Returns the size along an axis, or nothing when the parameter or the axis is not there.
std::optional<int64_t> sizeOf(const Shapes& shapes, std::string_view name, size_t axis) {
  const auto found = shapes.find(name);
  if (found == shapes.end() || axis >= found->second.size()) return std::nullopt;
  return found->second[axis];
}

// Returns one more than the largest N of names "PREFIXN.…", or 0.
int64_t countOf(const Shapes& shapes, std::string_view prefix) {
  int64_t count = 0;
  for (auto it = shapes.lower_bound(prefix); it != shapes.end() && it->first.starts_with(prefix); ++it) {
    int64_t number = -1;
    const char* begin = it->first.data() + prefix.size();
    std::from_chars(begin, it->first.data() + it->first.size(), number);
    constexpr int64_t kMax = 1 << 20;
    if (number >= 0 && number < kMax) count = std::max(count, number + 1);
  }
  return count;
}

// Returns the whole root of a square number, or nothing.
std::optional<int64_t> wholeRoot(int64_t square) {
  if (square < 1) return std::nullopt;
  const auto root = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(square))));
  return root * root == square ? std::optional(root) : std::nullopt;
}

class ConfigText {
 public:
  void add(std::string_view name, int64_t value) { addRaw(name, std::to_string(value)); }
  void addFlag(std::string_view name, bool value) { addRaw(name, value ? "true" : "false"); }
  void addRaw(std::string_view name, std::string_view value) {
    text_ += (text_.empty() ? "{\"" : ", \"") + std::string(name) + "\": " + std::string(value);
  }
  std::string finish() && { return text_ + "}"; }

 private:
  std::string text_;
};

Error missing(std::string_view what) {
  return mismatch(ErrorCode::kMissingTensor, "A config from the checkpoint's shapes", "no " + std::string(what),
                  "the tensors of a BEiT, or a config.json");
}

Result<std::string> deriveDalle(const Shapes& shapes) {
  const auto outputs = sizeOf(shapes, "blocks.input.w", 0), inputs = sizeOf(shapes, "blocks.input.w", 1);
  const auto kernel = sizeOf(shapes, "blocks.input.w", 2), last = sizeOf(shapes, "blocks.output.conv.w", 0);
  if (!outputs || !inputs || !kernel || !last) return missing("blocks.input.w and blocks.output.conv.w");
  const bool encoder = *kernel > 1;
  ConfigText config;
  config.addRaw("architectures", encoder ? "[\"DalleEncoder\"]" : "[\"DalleDecoder\"]");
  const int64_t groups = countOf(shapes, "blocks.group_") - 1, blocks = countOf(shapes, "blocks.group_1.block_") - 1;
  config.add("group_count", groups);
  config.add("n_blk_per_group", blocks);
  config.add("vocab_size", encoder ? *last : *inputs);
  if (!encoder) config.add("n_init", *outputs);
  config.add("n_hid", encoder ? *outputs : sizeOf(shapes, "blocks.output.conv.w", 1).value_or(0));
  return std::move(config).finish();
}

// Adds the window's size in pixels, from the tables that depend on it.
Status addImageSize(ConfigText& config, const Shapes& shapes, std::string_view own_table, std::string_view shared_table, int64_t patch) {
  const auto own = sizeOf(shapes, own_table, 0), shared = sizeOf(shapes, shared_table, 0);
  const auto positions = sizeOf(shapes, "beit.embeddings.position_embeddings", 1);
  if (const auto rows = own ? own : shared) {  // (2w - 1)^2 + 3
    const auto root = wholeRoot(*rows - 3);
    if (!root || *root % 2 == 0)
      return mismatch(ErrorCode::kWrongShape, "relative_position_bias_table", std::to_string(*rows) + " rows",
                      "(2w - 1)^2 + 3 for a square window");
    config.add("image_size", (*root + 1) / 2 * patch);
  } else if (positions) {  // w^2 + 1
    const auto root = wholeRoot(*positions - 1);
    if (!root)
      return mismatch(ErrorCode::kWrongShape, "position_embeddings", std::to_string(*positions) + " positions",
                      "w^2 + 1 for a square window");
    config.add("image_size", *root * patch);
  } else {
    config.add("image_size", 224);
  }
  return {};
}

}  // namespace

Result<std::string> deriveConfig(const std::vector<TensorEntry>& entries) {
  const auto dialect = requireDialect(entries, "A config from the checkpoint's shapes");
  if (!dialect.ok()) return dialect.error();
  const Shapes shapes = shapesOf(*dialect, entries, 0), others = shapesOf(*dialect, entries, 1);
  if (*dialect == Dialect::kDalle) return deriveDalle(shapes);
  const auto has = [&](std::string_view name) { return shapes.find(name) != shapes.end(); };

  constexpr std::string_view kProjection = "beit.embeddings.patch_embeddings.projection.weight";
  constexpr std::string_view kOwnTable = "beit.encoder.layer.0.attention.attention.relative_position_bias.relative_position_bias_table";
  constexpr std::string_view kSharedTable = "beit.encoder.relative_position_bias.relative_position_bias_table";
  const auto hidden = sizeOf(shapes, kProjection, 0), channels = sizeOf(shapes, kProjection, 1);
  const auto patch = sizeOf(shapes, kProjection, 2), patch_width = sizeOf(shapes, kProjection, 3);
  const auto intermediate = sizeOf(shapes, "beit.encoder.layer.0.intermediate.dense.weight", 0);
  const int64_t layers = countOf(shapes, "beit.encoder.layer.");
  if (!hidden || !channels || !patch || !patch_width) return missing("patch projection");
  if (!intermediate || layers == 0) return missing("encoder layers");

  ConfigText config;
  const bool masked = has("lm_head.weight"), segments = has("decode_head.classifier.weight"), classifies = has("classifier.weight");
  config.addRaw("architectures", masked       ? "[\"BeitForMaskedImageModeling\"]"
                                 : segments   ? "[\"BeitForSemanticSegmentation\"]"
                                 : classifies ? "[\"BeitForImageClassification\"]"
                                              : "[\"BeitModel\"]");
  config.addRaw("model_type", *dialect == Dialect::kData2Vec || *dialect == Dialect::kData2Vec5 ? "\"data2vec-vision\"" : "\"beit\"");
  config.add("hidden_size", *hidden);
  config.add("num_hidden_layers", layers);
  constexpr int64_t kUsualHeadDim = 64;
  const auto own_heads = sizeOf(shapes, kOwnTable, 1), shared_heads = sizeOf(shapes, kSharedTable, 1);
  config.add("num_attention_heads", own_heads ? *own_heads : shared_heads.value_or(std::max<int64_t>(1, *hidden / kUsualHeadDim)));
  config.add("intermediate_size", *intermediate);
  config.add("num_channels", *channels);
  // transformers 4 runs with one number only.
  if (*patch == *patch_width) config.add("patch_size", *patch);
  else config.addRaw("patch_size", "[" + std::to_string(*patch) + ", " + std::to_string(*patch_width) + "]");
  BEIT_TRY(addImageSize(config, shapes, kOwnTable, kSharedTable, *patch));
  const bool original = *dialect == Dialect::kTimm || *dialect == Dialect::kUnilmSegmentation;
  config.addRaw("layer_norm_eps", original ? "1e-6" : "1e-12");
  config.addFlag("use_mask_token", has("beit.embeddings.mask_token"));
  config.addFlag("use_absolute_position_embeddings", has("beit.embeddings.position_embeddings"));
  config.addFlag("use_relative_position_bias", own_heads.has_value());
  config.addFlag("use_shared_relative_position_bias", shared_heads.has_value());
  config.addRaw("layer_scale_init_value", has("beit.encoder.layer.0.lambda_1") ? "0.1" : "0");
  // timm's "norm" is the head's in a model for masked images, the body's in others.
  const bool body_norm = has("beit.layernorm.weight") || (!masked && others.find("beit.layernorm.weight") != others.end());
  config.addFlag("use_mean_pooling", !body_norm);
  if (masked) {
    const auto vocabulary = sizeOf(shapes, "lm_head.weight", 0);
    if (!vocabulary) return mismatch(ErrorCode::kWrongShape, "lm_head.weight", "a tensor without dimensions", "(vocab_size, hidden_size)");
    config.add("vocab_size", *vocabulary);
  }
  if (classifies) config.add("num_labels", sizeOf(shapes, "classifier.weight", 0).value_or(0));
  if (segments) {
    const int64_t labels = sizeOf(shapes, "decode_head.classifier.weight", 0).value_or(0);
    if (labels < 1) return mismatch(ErrorCode::kWrongShape, "decode_head.classifier.weight", "no labels", "(num_labels, channels, 1, 1)");
    config.add("num_labels", labels);
    const auto index = [&](int64_t twelfths) { return std::to_string(std::max<int64_t>(1, layers * twelfths / 12 - 1)); };
    config.addRaw("out_indices", "[" + index(4) + ", " + index(6) + ", " + index(8) + ", " + index(12) + "]");
    config.addFlag("use_auxiliary_head", has("auxiliary_head.classifier.weight"));
    if (const auto width = sizeOf(shapes, "auxiliary_head.convs.0.conv.weight", 0)) config.add("auxiliary_channels", *width);
    config.add("auxiliary_num_convs", std::max<int64_t>(1, countOf(shapes, "auxiliary_head.convs.")));
    config.addFlag("auxiliary_concat_input", has("auxiliary_head.conv_cat.conv.weight"));
  }
  return std::move(config).finish();
}

}  // namespace beit
