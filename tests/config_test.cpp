#include "src/beit/config.h"

#include <filesystem>
#include <string>

#include <catch2/catch_test_macros.hpp>

#include "tests/support/files.h"

namespace beit {
namespace {

BeitConfig read(std::string_view json) {
  auto config = parseConfig(json);
  if (!config.ok()) FAIL(config.error().message);
  return std::move(config).value();
}

Error errorOf(std::string_view json) {
  auto config = parseConfig(json);
  if (config.ok()) FAIL("accepted: " << json);
  return config.error();
}

void refuses(const std::string& field, const std::string& value) {
  CAPTURE(field, value);
  const Error error = errorOf("{\"" + field + "\": " + value + "}");
  CHECK(error.code == ErrorCode::kBadConfig);
  CHECK(error.where == field);
  CHECK_FALSE(error.got.empty());
  CHECK_FALSE(error.expected.empty());
}

}  // namespace

TEST_CASE("an empty config is the reference's default", "[config]") {
  const BeitConfig config = read("{}");
  CHECK(config.model_type == "beit");
  CHECK(config.vocab_size == 8192);
  CHECK(config.hidden_size == 768);
  CHECK(config.num_hidden_layers == 12);
  CHECK(config.num_attention_heads == 12);
  CHECK(config.head_dim() == 64);
  CHECK(config.intermediate_size == 3072);
  CHECK(config.hidden_act == Activation::kGelu);
  CHECK(config.layer_norm_eps == 1e-12);
  CHECK(config.image_size == Size{224, 224});
  CHECK(config.patch_size == Size{16, 16});
  CHECK(config.patchGrid() == Size{14, 14});
  CHECK(config.num_channels == 3);
  CHECK_FALSE(config.use_mask_token);
  CHECK_FALSE(config.use_absolute_position_embeddings);
  CHECK_FALSE(config.use_relative_position_bias);
  CHECK_FALSE(config.use_shared_relative_position_bias);
  CHECK(config.layer_scale_init_value == 0.1);
  CHECK(config.use_mean_pooling);
  CHECK(config.out_indices.empty());
  CHECK(config.pool_scales == std::vector<int64_t>{1, 2, 3, 6});
  CHECK(config.use_auxiliary_head);
  CHECK(config.auxiliary_channels == 256);
  CHECK(config.semantic_loss_ignore_index == 255);
  CHECK(config.num_labels == 2);
  CHECK(config.id2label == std::vector<std::string>{"LABEL_0", "LABEL_1"});
  CHECK_FALSE(config.problem_type);
  CHECK(config.unknown_fields.empty());
}

TEST_CASE("every field is read, null counts as absent, unknown names are kept", "[config]") {
  const BeitConfig config = read(R"({
    "model_type": "data2vec-vision", "architectures": ["A", "B"], "vocab_size": 5, "hidden_size": 6,
    "num_hidden_layers": 7, "num_attention_heads": 3, "intermediate_size": 11, "hidden_act": "quick_gelu",
    "hidden_dropout_prob": 0.5, "attention_probs_dropout_prob": 0.25, "drop_path_rate": 0,
    "initializer_range": 1, "layer_norm_eps": 1e-6, "image_size": [32, 48], "patch_size": [8, 16],
    "num_channels": 4, "use_mask_token": true, "use_absolute_position_embeddings": true,
    "use_relative_position_bias": true, "use_shared_relative_position_bias": true,
    "layer_scale_init_value": 0, "use_mean_pooling": false, "add_fpn": true,
    "reshape_hidden_states": false, "pool_scales": [1, 4], "use_auxiliary_head": false,
    "auxiliary_loss_weight": 0.75, "auxiliary_channels": 12, "auxiliary_num_convs": 2,
    "auxiliary_concat_input": true, "semantic_loss_ignore_index": -100,
    "problem_type": "multi_label_classification", "out_features": null, "torch_dtype": "float32", "x": [{}]})");
  CHECK(config.model_type == "data2vec-vision");
  CHECK(config.architectures == std::vector<std::string>{"A", "B"});
  CHECK(config.vocab_size == 5);
  CHECK(config.hidden_size == 6);
  CHECK(config.num_hidden_layers == 7);
  CHECK(config.num_attention_heads == 3);
  CHECK(config.intermediate_size == 11);
  CHECK(config.hidden_act == Activation::kQuickGelu);
  CHECK(config.hidden_dropout_prob == 0.5);
  CHECK(config.attention_probs_dropout_prob == 0.25);
  CHECK(config.drop_path_rate == 0.0);
  CHECK(config.initializer_range == 1.0);
  CHECK(config.layer_norm_eps == 1e-6);
  CHECK(config.image_size == Size{32, 48});
  CHECK(config.patch_size == Size{8, 16});
  CHECK(config.patchGrid() == Size{4, 3});
  CHECK(config.patchGrid({39, 16}) == Size{4, 1});
  CHECK(config.num_channels == 4);
  CHECK(config.use_mask_token);
  CHECK(config.use_absolute_position_embeddings);
  CHECK(config.use_relative_position_bias);
  CHECK(config.use_shared_relative_position_bias);
  CHECK(config.layer_scale_init_value == 0.0);
  CHECK_FALSE(config.use_mean_pooling);
  CHECK(config.add_fpn);
  CHECK_FALSE(config.reshape_hidden_states);
  CHECK(config.pool_scales == std::vector<int64_t>{1, 4});
  CHECK_FALSE(config.use_auxiliary_head);
  CHECK(config.auxiliary_loss_weight == 0.75);
  CHECK(config.auxiliary_channels == 12);
  CHECK(config.auxiliary_num_convs == 2);
  CHECK(config.auxiliary_concat_input);
  CHECK(config.semantic_loss_ignore_index == -100);
  CHECK(config.problem_type == ProblemType::kMultiLabel);
  CHECK(config.unknown_fields == std::vector<std::string>{"torch_dtype", "x"});
}

TEST_CASE("labels may be numbers, null and lists, and their ids negative and in any order", "[config]") {
  using Names = std::vector<std::string>;
  CHECK(read(R"({"id2label": {"0": 7, "1": -1, "2": 1.5}})").id2label == Names{"7", "-1", "1.5"});
  CHECK(read(R"({"id2label": {"0": "ant", "1": null, "2": "cat"}})").id2label == Names{"ant", "LABEL_1", "cat"});
  CHECK(read(R"({"id2label": {"0": ["cat", "kitty"], "1": [[3], 4]}})").id2label == Names{"cat, kitty", "an array of 1, 4"});
  CHECK(read(R"({"id2label": {"10": "k", "2": "c", "0": "a", "1": "b"}})").id2label == Names{"a", "b", "c", "LABEL_3"});
  const BeitConfig negative = read(R"({"id2label": {"-1": "none", "0": "a", "1": "b"}, "label2id": {"none": -1, "a": "0", "b": 1}})");
  CHECK(negative.num_labels == 3);
  CHECK(negative.id2label == Names{"a", "b", "LABEL_2"});
  CHECK(negative.label2id[0].second == -1);
}

TEST_CASE("id2label decides over num_labels, and gaps have names", "[config]") {
  CHECK(read(R"({"num_labels": 3})").id2label == std::vector<std::string>{"LABEL_0", "LABEL_1", "LABEL_2"});
  CHECK(read(R"({"num_labels": 0})").id2label.empty());

  const BeitConfig named = read(R"({"num_labels": 9, "id2label": {"1": "b", "0": "a"}})");
  CHECK(named.num_labels == 2);
  CHECK(named.id2label == std::vector<std::string>{"a", "b"});
  CHECK(named.label2id == std::vector<std::pair<std::string, int64_t>>{{"a", 0}, {"b", 1}});

  // As in the 22k checkpoints: three classes, ids up to 3.
  const BeitConfig gap = read(R"({"id2label": {"0": "a", "2": "c", "3": "d"}, "label2id": {"a": 0, "c": "2"}})");
  CHECK(gap.num_labels == 3);
  CHECK(gap.id2label == std::vector<std::string>{"a", "LABEL_1", "c"});
  CHECK(gap.label2id == std::vector<std::pair<std::string, int64_t>>{{"a", 0}, {"c", 2}});

  CHECK(errorOf(R"({"id2label": {"x": "a"}})").where == "id2label");
  CHECK(errorOf(R"({"id2label": {"99999999999999999999": "a"}})").where == "id2label");
  CHECK(errorOf(R"({"id2label": ["a"]})").where == "id2label");
  CHECK(errorOf(R"({"label2id": ["a"]})").where == "label2id");
  CHECK(errorOf(R"({"label2id": {"a": 1.5}})").where == "label2id");
}

TEST_CASE("stages are named by index, by feature or by the older names", "[config]") {
  const BeitConfig indices = read(R"({"num_hidden_layers": 4, "out_indices": [1, -1]})");
  CHECK(indices.out_indices == std::vector<int64_t>{1, 4});
  CHECK(indices.out_features == std::vector<std::string>{"stage1", "stage4"});
  const BeitConfig features = read(R"({"num_hidden_layers": 4, "out_features": ["stem", "stage3"]})");
  CHECK(features.out_indices == std::vector<int64_t>{0, 3});
  const std::vector<int64_t> taps{3, 5, 7, 11};
  CHECK(read(R"({"semantic_out_indices": [3, 5, 7, 11]})").out_indices == taps);
  CHECK(read(R"({"segmentation_indices": [3, 5, 7, 11], "out_indices": [1]})").out_indices == taps);
  CHECK(read(R"({"semantic_out_indices": [1], "out_indices": [3, 5, 7, 11]})").out_indices == taps);

  // The class default in a file of a smaller model: not used, and so no error.
  CHECK(read(R"({"num_hidden_layers": 3, "semantic_out_indices": [3, 5, 7, 11]})").out_indices.empty());
  CHECK(read(R"({"num_hidden_layers": 3, "model_type": "data2vec-vision", "out_indices": [3, 5, 7, 11]})").out_indices.empty());

  CHECK(errorOf(R"({"num_hidden_layers": 3, "out_indices": [4]})").where == "out_indices");
  CHECK(errorOf(R"({"num_hidden_layers": 3, "out_indices": [-5]})").where == "out_indices");
  CHECK(errorOf(R"({"out_features": ["stage13"]})").where == "out_features");
  CHECK(errorOf(R"({"out_features": ["stage1"], "out_indices": [2]})").where == "out_features");
}

TEST_CASE("activations have the reference's names", "[config]") {
  for (const char* name : {"gelu", "gelu_new", "gelu_pytorch_tanh", "quick_gelu", "relu", "silu", "tanh", "sigmoid", "linear"}) {
    CHECK(toString(read("{\"hidden_act\": \"" + std::string(name) + "\"}").hidden_act) == name);
  }
  CHECK(read(R"({"hidden_act": "swish"})").hidden_act == Activation::kSilu);
  refuses("hidden_act", "\"mish\"");
  refuses("hidden_act", "3");
}

TEST_CASE("a wrong type or range is an error that names the field", "[config]") {
  for (const char* value : {"0", "-1", "1.5", "\"8\"", "true", "[]", "{}", "65537", "1e300", "9223372036854775807", "NaN"}) {
    refuses("hidden_size", value);
    refuses("num_attention_heads", value);
    refuses("num_hidden_layers", value);
    refuses("num_channels", value);
    refuses("image_size", value);
    refuses("patch_size", value);
  }
  for (const char* value : {"[8]", "[8, 8, 8]", "[8, 0]", "[8, \"8\"]", "[[8, 8]]"}) refuses("image_size", value);
  for (const char* value : {"-1", "NaN", "Infinity", "\"0\"", "2"}) refuses("layer_norm_eps", value);
  for (const char* value : {"1", "\"true\"", "[]"}) refuses("use_mean_pooling", value);
  for (const char* value : {"-1", "1048577", "99999999999", "1.5"}) refuses("num_labels", value);
  for (const char* value : {"[0]", "3", "[1, \"2\"]", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"}) refuses("pool_scales", value);
  for (const char* value : {"\"other\"", "1"}) refuses("problem_type", value);
  refuses("architectures", "[1]");
  refuses("layer_scale_init_value", "1e300");
  refuses("intermediate_size", "262145");
  refuses("auxiliary_channels", "0");
  CHECK(errorOf(R"({"hidden_size": 50})").where == "hidden_size");
  CHECK(errorOf(R"({"hidden_size": 50})").expected.find("12") != std::string::npos);
  CHECK(errorOf(R"({"patch_size": 225})").where == "patch_size");
  CHECK(errorOf(R"({"image_size": 65536, "patch_size": 16})").where == "image_size");
  CHECK(errorOf("[]").code == ErrorCode::kBadConfig);
  CHECK(errorOf(R"({"model_type": "vit"})").code == ErrorCode::kUnsupported);
  CHECK(errorOf("<html>").code == ErrorCode::kHtml);
  CHECK(errorOf(R"({"hidden_size": )").code == ErrorCode::kTruncated);
}

TEST_CASE("a patch whose weights could not be counted in 32 bits is refused", "[config]") {
  const Error error = errorOf(R"({"image_size": 65536, "patch_size": 65536, "num_channels": 1024,
                                   "hidden_size": 65536, "num_attention_heads": 16})");
  CHECK(error.code == ErrorCode::kBadConfig);
  CHECK(error.where == "patch_size");
  CHECK(error.got == "4398046511104 values in a patch");
  CHECK(read(R"({"image_size": 4096, "patch_size": 4096, "num_channels": 1})").patch_size.height == 4096);
}

TEST_CASE("the configs of the reference cases are read, with no field unknown", "[config]") {
  size_t read_configs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(BEIT_FIXTURES) / "golden/models")) {
    const BeitConfig config = read(test::readText(entry.path() / "config.json"));
    CHECK(config.unknown_fields == std::vector<std::string>{"torch_dtype", "transformers_version"});
    CHECK(config.architectures.size() == 1);
    ++read_configs;
  }
  CHECK(read_configs >= 23);
}

}  // namespace beit
