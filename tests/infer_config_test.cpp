// Configs made from shapes against the ones that came with the reference cases.
#include "weights/reading/names/infer_config.h"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "src/beit/config.h"
#include "src/dalle/dalle_tokenizer.h"
#include "tests/support/files.h"
#include "weights/reading/containers/safetensors.h"

namespace {

using namespace beit;
namespace fs = std::filesystem;

const fs::path kGolden = fs::path(BEIT_FIXTURES) / "golden";

BeitConfig derived(const fs::path& folder) {
  const auto entries = indexSafetensors(test::readBytes(folder / "model.safetensors"), "model.safetensors");
  REQUIRE(entries.ok());
  const auto json = deriveConfig(*entries);
  if (!json.ok()) FAIL(json.error().message);
  const auto config = parseConfig(*json);
  if (!config.ok()) FAIL(*json + ": " + config.error().message);
  return *config;
}

}  // namespace

TEST_CASE("shapes tell what the config says", "[infer_config]") {
  for (const char* name : {"classify-perlayer-bias-meanpool", "classify-cls-token", "classify-no-layerscale", "classify-patch16",
                           "classify-both-positions", "model-shared-bias", "model-mask", "model-heads-of-64", "model-odd-sizes"}) {
    DYNAMIC_SECTION(name) {
      const fs::path folder = kGolden / "models" / name;
      const auto given = parseConfig(test::readText(folder / "config.json"));
      REQUIRE(given.ok());
      const BeitConfig made = derived(folder);
      CHECK(made.architectures == given->architectures);
      CHECK(made.hidden_size == given->hidden_size);
      CHECK(made.num_hidden_layers == given->num_hidden_layers);
      CHECK(made.num_attention_heads == (name == std::string("model-mask") ? 4 : given->num_attention_heads));
      CHECK(made.intermediate_size == given->intermediate_size);
      CHECK(made.image_size == given->image_size);
      CHECK(made.patch_size == given->patch_size);
      CHECK(made.use_mask_token == given->use_mask_token);
      CHECK(made.use_absolute_position_embeddings == given->use_absolute_position_embeddings);
      CHECK(made.use_relative_position_bias == given->use_relative_position_bias);
      CHECK(made.use_shared_relative_position_bias == given->use_shared_relative_position_bias);
      CHECK((made.layer_scale_init_value > 0) == (given->layer_scale_init_value > 0));
      CHECK(made.use_mean_pooling == given->use_mean_pooling);
      if (name == std::string("classify-patch16")) CHECK(made.num_labels == 1000);
    }
  }
}

TEST_CASE("shapes tell the sizes of half a tokenizer", "[infer_config]") {
  for (const bool encoder : {true, false}) {
    const auto entries =
        indexSafetensors(test::readBytes(kGolden / "dvae/dvae-tiny" / (encoder ? "encoder.safetensors" : "decoder.safetensors")), "half");
    REQUIRE(entries.ok());
    const auto json = deriveConfig(*entries);
    if (!json.ok()) FAIL(json.error().message);
    CHECK(json->find(encoder ? "DalleEncoder" : "DalleDecoder") != std::string::npos);
    const auto config = parseDalleConfig(*json);
    REQUIRE(config.ok());
    CHECK(config->n_hid == 16);
    CHECK(config->vocab_size == 96);
    CHECK(config->group_count == 4);
    CHECK(config->n_blk_per_group == 2);
    if (!encoder) CHECK(config->n_init == 8);
  }
}

TEST_CASE("what shapes cannot tell is an error with a sentence", "[infer_config]") {
  const auto entry = [](std::string name, Shape shape) {
    TensorEntry e;
    e.name = std::move(name);
    e.shape = std::move(shape);
    return e;
  };
  CHECK(deriveConfig({entry("anything", {1})}).error().code == ErrorCode::kUnsupported);
  CHECK(deriveConfig({entry("beit.embeddings.cls_token", {1, 1, 8})}).error().code == ErrorCode::kMissingTensor);
  // Ranks that are not those of the reference must not be read past their end.
  CHECK_FALSE(
      deriveConfig({entry("beit.embeddings.cls_token", {}), entry("beit.embeddings.patch_embeddings.projection.weight", {4})}).ok());
  const std::vector<TensorEntry> odd{entry("beit.embeddings.cls_token", {1, 1, 8}),
                                     entry("beit.embeddings.patch_embeddings.projection.weight", {8, 3, 4, 4}),
                                     entry("beit.encoder.layer.0.intermediate.dense.weight", {16, 8}),
                                     entry("beit.encoder.relative_position_bias.relative_position_bias_table", {11, 2})};
  const auto refused = deriveConfig(odd);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == ErrorCode::kWrongShape);

  const std::vector<TensorEntry> body{
      entry("beit.embeddings.cls_token", {1, 1, 8}), entry("beit.embeddings.patch_embeddings.projection.weight", {8, 3, 4, 4}),
      entry("beit.embeddings.position_embeddings", {1, 5, 8}), entry("beit.encoder.layer.0.intermediate.dense.weight", {16, 8})};
  const auto with = [&](TensorEntry head) {
    std::vector<TensorEntry> entries = body;
    entries.push_back(std::move(head));
    return deriveConfig(entries);
  };
  REQUIRE(with(entry("lm_head.weight", {7, 8})).ok());
  const auto scalar = with(entry("lm_head.weight", {}));
  REQUIRE_FALSE(scalar.ok());
  CHECK(scalar.error().code == ErrorCode::kWrongShape);
  CHECK(scalar.error().where == "lm_head.weight");
  REQUIRE(with(entry("decode_head.classifier.weight", {7, 8, 1, 1})).ok());
  for (const Shape& shape : {Shape{0, 8, 1, 1}, Shape{}}) {
    const auto no_labels = with(entry("decode_head.classifier.weight", shape));
    REQUIRE_FALSE(no_labels.ok());
    CHECK(no_labels.error().code == ErrorCode::kWrongShape);
  }
}
