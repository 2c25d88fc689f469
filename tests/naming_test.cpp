// The names of transformers 4 and Data2VecVision. The other families are held against the reference
// cases of their checkpoints (golden_test).
#include "weights/reading/names/naming.h"

#include <catch2/catch_test_macros.hpp>

namespace beit {

namespace {

std::optional<Dialect> dialectOf(const std::vector<std::string>& names) {
  std::vector<TensorEntry> entries;
  for (const auto& name : names) entries.push_back({.name = name, .shape = {}, .strides = {}});
  return detectDialect(entries);
}

// Returns the parameter that a name stands for in its only reading, or "".
std::string parameterOf(Dialect dialect, const std::string& name) {
  const auto all = candidates(dialect, name);
  if (all.size() != 1 || all[0].size() != 1) return "";
  return all[0][0].parameter;
}

const std::vector<std::string> kBody{"embeddings.cls_token",
                                     "embeddings.patch_embeddings.projection.weight",
                                     "encoder.layer.11.attention.attention.query.bias",
                                     "encoder.layer.0.attention.attention.relative_position_bias.relative_position_bias_table",
                                     "encoder.relative_position_bias.relative_position_bias_table",
                                     "encoder.layer.3.lambda_1",
                                     "pooler.layernorm.weight"};

}  // namespace

TEST_CASE("A dialect is told by its names", "[naming]") {
  CHECK(dialectOf({"classifier.weight", "beit.embeddings.cls_token", "beit.encoder.layer.0.lambda_1",
                   "beit.encoder.layer.0.attention.attention.query.weight"}) == Dialect::kTransformers);
  CHECK(dialectOf({"embeddings.cls_token", "encoder.layer.0.attention.attention.query.weight"}) == Dialect::kTransformersBare);
  CHECK(dialectOf({"data2vec_vision.embeddings.cls_token", "data2vec_vision.encoder.layer.0.attention.attention.query.weight"}) ==
        Dialect::kData2Vec);
  CHECK_FALSE(dialectOf({}));
  CHECK_FALSE(dialectOf({"vit.embeddings.cls_token", "bert.pooler.dense.weight"}));
}

TEST_CASE("Names of transformers 4 are the project's, but for the body's prefix", "[naming]") {
  for (const std::string& name : kBody) {
    CAPTURE(name);
    CHECK(parameterOf(Dialect::kTransformers, "beit." + name) == "beit." + name);
    CHECK(parameterOf(Dialect::kTransformersBare, name) == "beit." + name);
    CHECK(parameterOf(Dialect::kData2Vec, "data2vec_vision." + name) == "beit." + name);
    CHECK(nameIn(Dialect::kTransformers, "beit." + name) == "beit." + name);
    CHECK(nameIn(Dialect::kTransformersBare, "beit." + name) == name);
    CHECK(nameIn(Dialect::kData2Vec, "beit." + name) == "data2vec_vision." + name);
  }
  for (const char* name : {"classifier.weight", "classifier.bias"}) {
    CHECK(parameterOf(Dialect::kTransformers, name) == name);
    CHECK(parameterOf(Dialect::kTransformersBare, name) == name);
    CHECK(parameterOf(Dialect::kData2Vec, name) == name);
  }
}

TEST_CASE("A prefix is as much of what all names share as hides them", "[naming]") {
  const auto stripped = [](const std::vector<std::string>& names) {
    std::vector<TensorEntry> entries;
    for (const auto& name : names) entries.push_back({.name = name, .shape = {1}, .strides = {}});
    const std::string prefix = stripPrefix(entries);
    for (size_t i = 0; i < names.size(); ++i) CHECK(prefix + entries[i].name == names[i]);
    return prefix;
  };
  CHECK(stripped({"beit.embeddings.cls_token", "beit.layernorm.weight"}) == "");
  CHECK(stripped({"net.beit.embeddings.cls_token", "net.beit.layernorm.weight"}) == "net.");
  CHECK(stripped({"a.b.embeddings.cls_token", "a.b.layernorm.weight"}) == "a.b.");
  CHECK(stripped({"timm_model.patch_embed.proj.weight", "timm_model.cls_token"}) == "timm_model.");
  // unilm's body has a prefix of its own, but only beside a head.
  CHECK(stripped({"backbone.patch_embed.proj.weight", "backbone.cls_token", "decode_head.conv_seg.weight"}) == "");
  CHECK(stripped({"x.backbone.patch_embed.proj.weight", "x.backbone.cls_token", "x.decode_head.conv_seg.weight"}) == "x.");
  CHECK(stripped({"backbone.patch_embed.proj.weight", "backbone.cls_token"}) == "backbone.");
  CHECK(stripped({"x.backbone.patch_embed.proj.weight", "x.backbone.cls_token"}) == "x.backbone.");
  CHECK(stripped({"vit.embeddings.x", "vit.other"}) == "");
  CHECK(stripped({"net.embeddings.cls_token", "network.w"}) == "");  // a part of a name is no prefix
  CHECK(stripped({}) == "");
}

TEST_CASE("Data2VecVision's segmenters are told by either version's heads", "[naming]") {
  const std::string body = "data2vec_vision.embeddings.cls_token";
  CHECK(dialectOf({body, "decode_head.fpn_bottleneck.conv.weight"}) == Dialect::kData2Vec);
  CHECK(dialectOf({body, "decode_head.fpn_bottleneck.convolution.weight"}) == Dialect::kData2Vec5);
  CHECK(dialectOf({"beit.layers.0.layernorm_before.bias", "decode_head.fpn_bottleneck.convolution.weight"}) == Dialect::kTransformers5);
  for (const auto& [file, parameter] :
       {std::pair{"decode_head.fpn_bottleneck.convolution.weight", "decode_head.fpn_bottleneck.conv.weight"},
        {"decode_head.psp_modules.blocks.2.conv.normalization.bias", "decode_head.psp_modules.2.1.bn.bias"},
        {"auxiliary_head.convs.0.convolution.weight", "auxiliary_head.convs.0.conv.weight"},
        {"fpn1.3.weight", "fpn1.3.weight"},
        {"data2vec_vision.encoder.layer.1.lambda_1", "beit.encoder.layer.1.lambda_1"}})
    CHECK(parameterOf(Dialect::kData2Vec5, file) == parameter);
}

TEST_CASE("Every dialect has a name for people", "[naming]") {
  for (const Dialect dialect :
       {Dialect::kTransformers, Dialect::kTransformersBare, Dialect::kData2Vec, Dialect::kData2Vec5, Dialect::kTransformers5,
        Dialect::kTransformers5Bare, Dialect::kTimm, Dialect::kUnilmSegmentation, Dialect::kFlax, Dialect::kFlaxBare, Dialect::kDalle})
    CHECK_FALSE(toString(dialect).empty());
}

TEST_CASE("Indices and counters are dead", "[naming]") {
  CHECK(isUnused("beit.encoder.layer.0.attention.attention.relative_position_bias.relative_position_index"));
  CHECK(isUnused("decode_head.bottleneck.bn.num_batches_tracked"));
  CHECK_FALSE(isUnused("beit.encoder.relative_position_bias.relative_position_bias_table"));
}

}  // namespace beit
