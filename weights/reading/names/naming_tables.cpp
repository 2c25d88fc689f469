#include "weights/reading/names/naming_tables.h"

namespace beit {

namespace {

constexpr NamingRule kTransformersRules[] = {
    {"*", {"*"}},
};

constexpr NamingRule kTransformersBareRules[] = {
    {"embeddings.*", {"beit.embeddings.*"}},
    {"encoder.*", {"beit.encoder.*"}},
    {"layernorm.*", {"beit.layernorm.*"}},
    {"pooler.*", {"beit.pooler.*"}},
    {"*", {"*"}},
};

constexpr NamingRule kData2VecRules[] = {
    {"data2vec_vision.*", {"beit.*"}},
    {"*", {"*"}},
};

// transformers 5, body names; P is the body's prefix in the file.
#define BEIT_TRANSFORMERS_5_BODY(P)                                                                                   \
  {P "layers.#.attention.q_proj.*", {"beit.encoder.layer.#.attention.attention.query.*"}},                            \
      {P "layers.#.attention.k_proj.*", {"beit.encoder.layer.#.attention.attention.key.*"}},                          \
      {P "layers.#.attention.v_proj.*", {"beit.encoder.layer.#.attention.attention.value.*"}},                        \
      {P "layers.#.attention.o_proj.*", {"beit.encoder.layer.#.attention.output.dense.*"}},                           \
      {P "layers.#.mlp.fc1.*", {"beit.encoder.layer.#.intermediate.dense.*"}},                                        \
      {P "layers.#.mlp.fc2.*", {"beit.encoder.layer.#.output.dense.*"}},                                              \
      {P "layers.#.relative_position_bias.*", {"beit.encoder.layer.#.attention.attention.relative_position_bias.*"}}, \
      {P "layers.#.*", {"beit.encoder.layer.#.*"}}, {                                                                 \
    P "shared_position_bias.*", { "beit.encoder.relative_position_bias.*" }                                           \
  }

// transformers 5, heads.
#define BEIT_TRANSFORMERS_5_HEADS                                                                                                         \
  {"fpn.fpn1.conv_transpose1.*", {"fpn1.0.*"}}, {"fpn.fpn1.normalization.*", {"fpn1.1.*"}}, {"fpn.fpn1.conv_transpose2.*", {"fpn1.3.*"}}, \
      {"fpn.fpn2.*", {"fpn2.0.*"}}, {"decode_head.psp_modules.blocks.#.conv.convolution.*", {"decode_head.psp_modules.#.1.conv.*"}},      \
      {"decode_head.psp_modules.blocks.#.conv.normalization.*", {"decode_head.psp_modules.#.1.bn.*"}},                                    \
      {"decode_head.psp_bottleneck.convolution.*", {"decode_head.bottleneck.conv.*"}},                                                    \
      {"decode_head.psp_bottleneck.normalization.*", {"decode_head.bottleneck.bn.*"}},                                                    \
      {"decode_head.lateral_convs.#.convolution.*", {"decode_head.lateral_convs.#.conv.*"}},                                              \
      {"decode_head.lateral_convs.#.normalization.*", {"decode_head.lateral_convs.#.bn.*"}},                                              \
      {"decode_head.fpn_convs.#.convolution.*", {"decode_head.fpn_convs.#.conv.*"}},                                                      \
      {"decode_head.fpn_convs.#.normalization.*", {"decode_head.fpn_convs.#.bn.*"}},                                                      \
      {"decode_head.fpn_bottleneck.convolution.*", {"decode_head.fpn_bottleneck.conv.*"}},                                                \
      {"decode_head.fpn_bottleneck.normalization.*", {"decode_head.fpn_bottleneck.bn.*"}},                                                \
      {"auxiliary_head.convs.#.convolution.*", {"auxiliary_head.convs.#.conv.*"}},                                                        \
      {"auxiliary_head.convs.#.normalization.*", {"auxiliary_head.convs.#.bn.*"}},                                                        \
      {"auxiliary_head.conv_cat.convolution.*", {"auxiliary_head.conv_cat.conv.*"}}, {                                                    \
    "auxiliary_head.conv_cat.normalization.*", { "auxiliary_head.conv_cat.bn.*" }                                                         \
  }

constexpr NamingRule kTransformers5Rules[] = {
    BEIT_TRANSFORMERS_5_BODY("beit."),
    BEIT_TRANSFORMERS_5_HEADS,
    {"*", {"*"}},
};

// transformers 5 saves the heads under its new names, and this body under the old ones.
constexpr NamingRule kData2Vec5Rules[] = {
    {"data2vec_vision.*", {"beit.*"}},
    BEIT_TRANSFORMERS_5_HEADS,
    {"*", {"*"}},
};

constexpr NamingRule kTransformers5BareRules[] = {
    BEIT_TRANSFORMERS_5_BODY(""),          BEIT_TRANSFORMERS_5_HEADS,       {"embeddings.*", {"beit.embeddings.*"}},
    {"layernorm.*", {"beit.layernorm.*"}}, {"pooler.*", {"beit.pooler.*"}}, {"*", {"*"}},
};

// timm and unilm, body names; P is the body's prefix in the file.
#define BEIT_TIMM_BODY(P)                                                                                                              \
  {P "cls_token", {"beit.embeddings.cls_token"}}, {P "mask_token", {"beit.embeddings.mask_token"}},                                    \
      {P "pos_embed", {"beit.embeddings.position_embeddings"}},                                                                        \
      {P "patch_embed.proj.*", {"beit.embeddings.patch_embeddings.projection.*"}},                                                     \
      {P "rel_pos_bias.*", {"beit.encoder.relative_position_bias.*"}},                                                                 \
      {P "blocks.#.attn.qkv.weight",                                                                                                   \
       {"beit.encoder.layer.#.attention.attention.query.weight", "beit.encoder.layer.#.attention.attention.key.weight",                \
        "beit.encoder.layer.#.attention.attention.value.weight"}},                                                                     \
      {P "blocks.#.attn.q_bias", {"beit.encoder.layer.#.attention.attention.query.bias"}},                                             \
      {P "blocks.#.attn.v_bias", {"beit.encoder.layer.#.attention.attention.value.bias"}},                                             \
      {P "blocks.#.attn.relative_position_bias_table",                                                                                 \
       {"beit.encoder.layer.#.attention.attention.relative_position_bias.relative_position_bias_table"}},                              \
      {P "blocks.#.attn.proj.*", {"beit.encoder.layer.#.attention.output.dense.*"}},                                                   \
      {P "blocks.#.mlp.fc1.*", {"beit.encoder.layer.#.intermediate.dense.*"}},                                                         \
      {P "blocks.#.mlp.fc2.*", {"beit.encoder.layer.#.output.dense.*"}},                                                               \
      {P "blocks.#.norm1.*", {"beit.encoder.layer.#.layernorm_before.*"}},                                                             \
      {P "blocks.#.norm2.*", {"beit.encoder.layer.#.layernorm_after.*"}}, {P "blocks.#.gamma_1", {"beit.encoder.layer.#.lambda_1"}}, { \
    P "blocks.#.gamma_2", { "beit.encoder.layer.#.lambda_2" }                                                                          \
  }

constexpr NamingRule kTimmRules[] = {
    BEIT_TIMM_BODY(""),
    {"fc_norm.*", {"beit.pooler.layernorm.*"}},
    {"fpn1.*", {"fpn1.*"}},
    {"fpn2.*", {"fpn2.*"}},
    {"norm.*", {"layernorm.*"}, TensorLayout::kSame, /*other_readings=*/true},
    {"norm.*", {"beit.layernorm.*"}},
    {"head.*", {"classifier.*"}},
    {"lm_head.*", {"lm_head.*"}},
};

constexpr NamingRule kUnilmSegmentationRules[] = {
    BEIT_TIMM_BODY("backbone."),
    {"backbone.norm.*", {"beit.layernorm.*"}},
    {"backbone.fpn1.*", {"fpn1.*"}},
    {"backbone.fpn2.*", {"fpn2.*"}},
    {"decode_head.conv_seg.*", {"decode_head.classifier.*"}},
    {"auxiliary_head.conv_seg.*", {"auxiliary_head.classifier.*"}},
    {"decode_head.*", {"decode_head.*"}},
    {"auxiliary_head.*", {"auxiliary_head.*"}},
};

// Flax: kernels are transposed, norms have a scale; P is the body's prefix in the file, Q in the project.
#define BEIT_FLAX_LEAVES(P, Q)                                                                                                             \
  {P "encoder.layer.#.attention.attention.query.kernel",                                                                                   \
   {Q "encoder.layer.#.attention.attention.query.weight"},                                                                                 \
   TensorLayout::kTransposed},                                                                                                             \
      {P "encoder.layer.#.attention.attention.key.kernel",                                                                                 \
       {Q "encoder.layer.#.attention.attention.key.weight"},                                                                               \
       TensorLayout::kTransposed},                                                                                                         \
      {P "encoder.layer.#.attention.attention.value.kernel",                                                                               \
       {Q "encoder.layer.#.attention.attention.value.weight"},                                                                             \
       TensorLayout::kTransposed},                                                                                                         \
      {P "encoder.layer.#.attention.output.dense.kernel", {Q "encoder.layer.#.attention.output.dense.weight"}, TensorLayout::kTransposed}, \
      {P "encoder.layer.#.intermediate.dense.kernel", {Q "encoder.layer.#.intermediate.dense.weight"}, TensorLayout::kTransposed},         \
      {P "encoder.layer.#.output.dense.kernel", {Q "encoder.layer.#.output.dense.weight"}, TensorLayout::kTransposed},                     \
      {P "encoder.layer.#.layernorm_before.scale", {Q "encoder.layer.#.layernorm_before.weight"}},                                         \
      {P "encoder.layer.#.layernorm_after.scale", {Q "encoder.layer.#.layernorm_after.weight"}},                                           \
      {P "embeddings.patch_embeddings.projection.kernel", {Q "embeddings.patch_embeddings.projection.weight"}, TensorLayout::kHwio},       \
      {P "layernorm.scale", {Q "layernorm.weight"}}, {P "pooler.layernorm.scale", {Q "pooler.layernorm.weight"}},                          \
      {P "embeddings.*", {Q "embeddings.*"}}, {P "encoder.*", {Q "encoder.*"}}, {P "layernorm.*", {Q "layernorm.*"}}, {                    \
    P "pooler.*", { Q "pooler.*" }                                                                                                         \
  }

constexpr NamingRule kFlaxRules[] = {
    BEIT_FLAX_LEAVES("beit.", "beit."),
    {"classifier.kernel", {"classifier.weight"}, TensorLayout::kTransposed},
    {"lm_head.kernel", {"lm_head.weight"}, TensorLayout::kTransposed},
    {"layernorm.scale", {"layernorm.weight"}},
    {"*", {"*"}},
};

constexpr NamingRule kFlaxBareRules[] = {
    BEIT_FLAX_LEAVES("", "beit."),
    {"*", {"*"}},
};

constexpr NamingRule kDalleRules[] = {
    {"*", {"*"}},
};

#undef BEIT_TRANSFORMERS_5_BODY
#undef BEIT_TRANSFORMERS_5_HEADS
#undef BEIT_TIMM_BODY
#undef BEIT_FLAX_LEAVES

constexpr NamingFamily kFamilies[] = {
    {Dialect::kTransformers5, "transformers 5", "beit.layers.#.*", kTransformers5Rules},
    {Dialect::kTransformers5Bare, "transformers 5 without prefix", "layers.#.*", kTransformers5BareRules},
    {Dialect::kFlax, "Flax", "beit.embeddings.patch_embeddings.projection.kernel", kFlaxRules},
    {Dialect::kFlaxBare, "Flax without prefix", "embeddings.patch_embeddings.projection.kernel", kFlaxBareRules},
    {Dialect::kData2Vec5, "Data2VecVision (transformers 5)", "decode_head.fpn_bottleneck.convolution.weight", kData2Vec5Rules},
    {Dialect::kTransformers, "transformers", "beit.embeddings.cls_token", kTransformersRules},
    {Dialect::kTransformersBare, "transformers without prefix", "embeddings.cls_token", kTransformersBareRules},
    {Dialect::kData2Vec, "Data2VecVision", "data2vec_vision.embeddings.cls_token", kData2VecRules},
    {Dialect::kUnilmSegmentation, "unilm (segmentation)", "backbone.cls_token", kUnilmSegmentationRules},
    {Dialect::kDalle, "DALL-E", "blocks.group_1.block_1.res_path.conv_1.w", kDalleRules},
    {Dialect::kTimm, "timm or unilm", "patch_embed.proj.weight", kTimmRules},
};

}  // namespace

const std::span<const NamingFamily> kNamingFamilies{kFamilies};

}  // namespace beit
