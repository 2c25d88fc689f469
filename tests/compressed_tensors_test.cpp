#include "weights/reading/compressed_tensors.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include <catch2/catch_test_macros.hpp>

#include "src/kernels/gemm/quantization.h"
#include "src/registry.h"
#include "tests/support/loading.h"
#include "tests/support/random_model.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

using test::Bytes;
using test::Files;
using test::FileTensor;

const std::string kFile = "model.safetensors";
const std::string kQuery = "beit.encoder.layer.0.attention.attention.query";

BeitConfig smallConfig() {
  BeitConfig config;
  config.hidden_size = 6;  // heads of 3: 1/√3 is no power of two
  config.num_attention_heads = 2;
  config.num_hidden_layers = 2;
  config.intermediate_size = 5;
  config.num_channels = 1;
  config.image_size = {4, 6};
  config.patch_size = {2, 2};
  return config;
}

std::unique_ptr<Model> emptyModel(WeightType type) {
  ModelOptions options;
  options.dtype = type;
  auto model = createModel(smallConfig(), "BeitForImageClassification", options, test::execution());
  REQUIRE(model.ok());
  return std::move(model).value();
}

const test::Weights& weights() {
  static const test::Weights values = test::randomWeights(emptyModel(WeightType::kInt8)->parameters(), 51);
  return values;
}

struct Quantized {
  std::vector<int8_t> values;
  std::vector<float> scales;
};

// Quantised by the description alone.
Quantized quantized(const std::vector<float>& weight, size_t outputs) {
  Quantized result;
  const size_t inputs = weight.size() / outputs;
  for (size_t o = 0; o < outputs; ++o) {
    float most = 0.0f;
    for (size_t i = 0; i < inputs; ++i) most = std::max(most, std::fabs(weight[o * inputs + i]));
    for (size_t i = 0; i < inputs; ++i)
      result.values.push_back(static_cast<int8_t>(std::nearbyint(weight[o * inputs + i] * (127.0f / most))));
    result.scales.push_back(most / 127.0f);
  }
  return result;
}

// The checkpoint with what int8 models hold quantised stored so: I8 first, then its scales, or all scales first.
std::vector<FileTensor> storedTensors(bool scales_first) {
  std::vector<FileTensor> scales, others;
  const auto model = emptyModel(WeightType::kInt8);
  for (const Parameter& parameter : model->parameters().all()) {
    const auto& values = weights().at(parameter.name);
    if (!parameter.receive_quantized) {
      others.push_back(test::tensorOf(parameter.name, "F32", parameter.shape, values));
      continue;
    }
    const Quantized whole = quantized(values, static_cast<size_t>(parameter.shape[0]));
    others.push_back(test::tensorOf(parameter.name, "I8", parameter.shape, whole.values));
    scales.push_back(test::tensorOf(parameter.name + "_scale", "F32", {parameter.shape[0], 1}, whole.scales));
  }
  others.insert(scales_first ? others.begin() : others.end(), scales.begin(), scales.end());
  return others;
}

Files oneFile(const std::vector<FileTensor>& tensors) { return {{kFile, test::safetensorsFile(tensors)}}; }

std::vector<float> logitsOf(Model& model) {
  test::Random random(52);
  const auto outputs = test::outputsOf(model, test::randomInputs(smallConfig(), 1, {4, 6}, false, random));
  const auto logits = outputs.at("logits").values.span();
  return {logits.begin(), logits.end()};
}

// Logits of the model filled with floats: those of weights(), or what the stored ones stand for.
std::vector<float> expectedLogits(WeightType type, bool dequantized) {
  const auto model = emptyModel(type), whole_model = emptyModel(WeightType::kInt8);
  test::Weights values = weights();
  if (dequantized)
    for (const Parameter& parameter : whole_model->parameters().all()) {
      if (!parameter.receive_quantized) continue;
      std::vector<float>& floats = values.at(parameter.name);
      const auto outputs = static_cast<size_t>(parameter.shape[0]);
      const Quantized whole = quantized(floats, outputs);
      for (size_t i = 0; i < floats.size(); ++i)
        floats[i] = static_cast<float>(whole.values[i]) * whole.scales[i / (floats.size() / outputs)];
    }
  REQUIRE(test::fill(model->parameters(), values).ok());
  return logitsOf(*model);
}

std::vector<float> loaded(WeightType type, const Files& files, size_t piece = 4096) {
  const auto model = emptyModel(type);
  Checkpoint checkpoint;
  const auto report = test::load(checkpoint, model->parameters(), files, piece, /*known_size=*/true);
  if (!report.ok()) FAIL(report.error().message);
  CHECK(report->unexpected.empty());
  CHECK(report->missing.empty());
  return logitsOf(*model);
}

// Returns "code message" of why the changed file is refused by both types of models, or "".
template <typename Change>
std::string refusal(Change change) {
  auto list = storedTensors(/*scales_first=*/true);
  change(list);
  std::string first;
  for (const WeightType type : {WeightType::kInt8, WeightType::kFloat32}) {
    const auto model = emptyModel(type);
    Checkpoint checkpoint;
    const auto report = test::load(checkpoint, model->parameters(), oneFile(list), 4096, true);
    const std::string text = report.ok() ? "" : std::string(codeName(report.error().code)) + " " + report.error().message;
    if (type == WeightType::kInt8) first = text;
    else CHECK(text == first);
  }
  return first;
}

FileTensor& named(std::vector<FileTensor>& list, const std::string& name) {
  return *std::find_if(list.begin(), list.end(), [&](const FileTensor& t) { return t.name == name; });
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("Weights are quantised with a scale for each output", "[compressed_tensors]") {
  test::Random random(53);
  for (const int64_t inputs : {1, 7, 8, 19}) {
    const auto weight = random.floats(static_cast<size_t>(3 * inputs), -2.0f, 2.0f);
    std::vector<int8_t> values(weight.size());
    std::vector<float> scales(3);
    REQUIRE(quantizeWeights(inputs, 3, weight.data(), values.data(), scales.data()));
    const Quantized want = quantized(weight, 3);
    CHECK(values == want.values);
    CHECK(scales == want.scales);
    std::vector<float> floats(weight.size());
    std::memcpy(floats.data(), values.data(), values.size());
    dequantizeInPlace(floats.data(), floats.size(), scales);
    for (size_t i = 0; i < floats.size(); ++i) {
      const float scale = scales[i / static_cast<size_t>(inputs)];
      CHECK(floats[i] == static_cast<float>(values[i]) * scale);
      CHECK(std::fabs(floats[i] - weight[i]) <= 0.501f * scale);
    }
  }
  const float zeros[3] = {0.0f, 1e-35f, -0.0f};
  int8_t values[3];
  float scale = 0.0f;
  CHECK(quantizeWeights(3, 1, zeros, values, &scale));
  CHECK(scale == 1.0f);
  CHECK((values[0] | values[1] | values[2]) == 0);
  const float broken[3] = {1.0f, std::numeric_limits<float>::infinity(), 0.0f};
  CHECK_FALSE(quantizeWeights(3, 1, broken, values, &scale));
}

TEST_CASE("A stored matrix is loaded as it is, and as floats, wherever its scales stand", "[compressed_tensors]") {
  const auto whole = expectedLogits(WeightType::kInt8, false), floats = expectedLogits(WeightType::kFloat32, true);
  CHECK(whole != floats);
  for (const bool scales_first : {true, false}) {
    const auto list = storedTensors(scales_first);
    for (const size_t piece : {1u, 3u, 64u, 4096u}) {
      CAPTURE(scales_first, piece);
      CHECK(loaded(WeightType::kInt8, oneFile(list), piece) == whole);
      CHECK(loaded(WeightType::kFloat32, oneFile(list), piece) == floats);
    }
    // In two shards, so that some scales stand in another than their matrix.
    const auto middle = list.begin() + static_cast<ptrdiff_t>(list.size() / 3);
    const Files shards{{"a", test::safetensorsFile({list.begin(), middle})}, {"b", test::safetensorsFile({middle, list.end()})}};
    CHECK(loaded(WeightType::kInt8, shards) == whole);
    CHECK(loaded(WeightType::kFloat32, shards) == floats);
  }
  auto flat = storedTensors(true);  // (outputs) is read, too
  for (FileTensor& tensor : flat)
    if (ScaleIndex::matrixOf(tensor.name)) tensor.shape.pop_back();
  CHECK(loaded(WeightType::kInt8, oneFile(flat)) == whole);
}

TEST_CASE("What computes in floats may be stored quantised, and what does not the other way", "[compressed_tensors]") {
  auto list = storedTensors(true);
  FileTensor& classifier = named(list, "classifier.weight");
  const Quantized whole = quantized(weights().at("classifier.weight"), 2);
  classifier = test::tensorOf("classifier.weight", "I8", {2, 6}, whole.values);
  list.push_back(test::tensorOf("classifier.weight_scale", "F32", {2, 1}, whole.scales));
  std::erase_if(list, [](const FileTensor& t) { return t.name == kQuery + ".weight_scale"; });
  named(list, kQuery + ".weight") = test::tensorOf(kQuery + ".weight", "F32", {6, 6}, weights().at(kQuery + ".weight"));

  test::Weights values = weights();
  std::vector<float>& floats = values.at("classifier.weight");
  for (size_t i = 0; i < floats.size(); ++i) floats[i] = static_cast<float>(whole.values[i]) * whole.scales[i / 6];
  const auto model = emptyModel(WeightType::kInt8);
  REQUIRE(test::fill(model->parameters(), values).ok());
  CHECK(loaded(WeightType::kInt8, oneFile(list)) == logitsOf(*model));
}

TEST_CASE("Integers of -128 are multiplied exactly", "[compressed_tensors]") {
  auto list = storedTensors(true);
  for (FileTensor& tensor : list)
    if (tensor.dtype == "I8") tensor.bytes[0] = 0x80;
  const auto whole = loaded(WeightType::kInt8, oneFile(list)), floats = loaded(WeightType::kFloat32, oneFile(list));
  for (size_t i = 0; i < whole.size(); ++i) CHECK(std::fabs(whole[i] - floats[i]) < 1e-3f);
}

TEST_CASE("A fused tensor is stored quantised in thirds", "[compressed_tensors]") {
  auto list = storedTensors(true);
  Bytes values, scales;
  std::vector<FileTensor> timm;
  const std::string layer = "beit.encoder.layer.0.";
  // Only this tensor's names matter: a list of three parameters takes it.
  for (const char* part : {"query", "key", "value"}) {
    const std::string name = layer + "attention.attention." + part + ".weight";
    const Bytes &v = named(list, name).bytes, &s = named(list, name + "_scale").bytes;
    values.insert(values.end(), v.begin(), v.end());
    scales.insert(scales.end(), s.begin(), s.end());
  }
  timm.push_back({"blocks.0.attn.qkv.weight_scale", "F32", {18, 1}, scales});
  timm.push_back({"blocks.0.attn.qkv.weight", "I8", {18, 6}, values});
  timm.push_back(test::tensorOf("patch_embed.proj.weight", "F32", {1}, std::vector<float>{0.0f}));
  ParameterList parameters;
  std::vector<int8_t> got;
  std::vector<float> got_scales;
  for (const char* part : {"query", "key", "value"})
    parameters.add(layer + "attention.attention." + part + ".weight", {6, 6}, [](std::span<float>) -> Status { return {}; })
        .receive_quantized = [&](QuantizedValues matrix) -> Status {
      got.insert(got.end(), matrix.values.begin(), matrix.values.end());
      got_scales.insert(got_scales.end(), matrix.scales.begin(), matrix.scales.end());
      return {};
    };
  Checkpoint checkpoint;
  REQUIRE(test::load(checkpoint, parameters, oneFile(timm), 5, true).ok());
  CHECK(parameters.complete().ok());
  CHECK(std::memcmp(got.data(), values.data(), values.size()) == 0);
  CHECK(std::memcmp(got_scales.data(), scales.data(), scales.size()) == 0);
}

TEST_CASE("A stored matrix that is not whole is refused, with every name", "[compressed_tensors]") {
  const std::string weight = kQuery + ".weight", scale = weight + "_scale";
  const auto without = [](std::vector<FileTensor>& list, const std::string& name) {
    std::erase_if(list, [&](const FileTensor& t) { return t.name == name; });
  };
  std::string got = refusal([&](auto& list) { without(list, scale); });
  CHECK(got.starts_with("wrong-type"));
  CHECK(has(got, weight + " is of type I8 and should have its scales, " + scale + ", beside it"));
  got = refusal([&](auto& list) { without(list, weight); });
  CHECK(got.starts_with("missing-tensor"));
  CHECK(has(got, "1 missing: " + weight));
  CHECK(has(got, scale + " has no matrix of type I8 beside it, " + weight));
  got = refusal([&](auto& list) { named(list, weight) = test::tensorOf(weight, "F32", {6, 6}, weights().at(weight)); });
  CHECK(got.starts_with("wrong-type"));
  CHECK(has(got, scale + " has no matrix of type I8 beside it, " + weight));
  for (const Shape& shape : {Shape{1, 6}, Shape{6, 1, 1}, Shape{3, 2}}) {
    got = refusal([&](auto& list) { named(list, scale).shape = shape; });
    CHECK(got.starts_with("wrong-shape"));
    CHECK(has(got, scale + " is " + toString(shape) + " and should be [6, 1]"));
  }
  got = refusal([&](auto& list) { named(list, scale) = test::tensorOf(scale, "F32", {5, 1}, std::vector<float>(5, 1.0f)); });
  CHECK(has(got, scale + " is [5, 1] and should be [6, 1]"));
  got = refusal([&](auto& list) { named(list, scale) = test::tensorOf(scale, "I32", {6, 1}, std::vector<int32_t>(6, 1)); });
  CHECK(got.starts_with("wrong-type"));
  CHECK(has(got, scale + " is of type I32 and should be F32, F16, BF16 or F64"));
  got = refusal([&](auto& list) { named(list, weight).shape = {4, 9}; });
  CHECK(got.starts_with("wrong-shape"));
  CHECK(has(got, weight + " is [4, 9] and should be [6, 6]"));
  for (const float bad : {0.0f, -1.0f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    got = refusal([&](auto& list) {
      std::vector<float> scales(6, 0.01f);
      scales[4] = bad;
      named(list, scale) = test::tensorOf(scale, "F32", {6, 1}, scales);
    });
    CHECK(got.starts_with("malformed " + kFile + ", tensor " + scale + ": got the scale "));
    CHECK(has(got, "of output 4, expected finite numbers above 0"));
  }
  // Vectors, tables and biases are never quantised, with or without scales.
  for (const std::string name :
       {"beit.encoder.layer.0.layernorm_before.weight", "beit.encoder.layer.0.lambda_1", "classifier.bias", "beit.embeddings.cls_token"})
    for (const bool scales : {false, true}) {
      got = refusal([&](auto& list) {
        FileTensor& tensor = named(list, name);
        const size_t count = tensor.bytes.size() / 4;
        tensor = {name, "I8", tensor.shape, Bytes(count)};
        if (scales)
          list.push_back(
              test::tensorOf(name + "_scale", "F32", {tensor.shape[0], 1}, std::vector<float>(static_cast<size_t>(tensor.shape[0]), 1.0f)));
      });
      CHECK(got.starts_with("wrong-type"));
      CHECK(has(got, name + " is of type I8 and should be F32, F16, BF16 or F64"));
    }
}

TEST_CASE("Scales of what the model does not have are unexpected, and those in use are not", "[compressed_tensors]") {
  auto list = storedTensors(false);
  list.push_back(test::tensorOf("lm_head.weight", "I8", {2, 2}, Bytes(4)));
  list.push_back(test::tensorOf("lm_head.weight_scale", "F32", {2, 1}, std::vector<float>{1.0f, 1.0f}));
  const auto model = emptyModel(WeightType::kInt8);
  Checkpoint checkpoint;
  const auto report = test::load(checkpoint, model->parameters(), oneFile(list), 100, true);
  REQUIRE(report.ok());
  auto unexpected = report->unexpected;
  std::sort(unexpected.begin(), unexpected.end());
  CHECK(unexpected == std::vector<std::string>{"lm_head.weight", "lm_head.weight_scale"});
  int64_t bytes = 0;
  for (const FileTensor& tensor : storedTensors(false)) bytes += static_cast<int64_t>(tensor.bytes.size());
  CHECK(report->fill_bytes == bytes);

  // In two shards the same scales may stand twice.
  const auto whole = storedTensors(true);
  std::vector<FileTensor> again{whole.front()};
  const Files shards{{"a", test::safetensorsFile(whole)}, {"b", test::safetensorsFile(again)}};
  const auto other = emptyModel(WeightType::kInt8);
  Checkpoint twice;
  const auto refused = test::load(twice, other->parameters(), shards, 100, true);
  REQUIRE_FALSE(refused.ok());
  CHECK(has(refused.error().message, whole.front().name + " stands in the checkpoint twice"));
}

TEST_CASE("A file of stored matrices that ends early is truncated, at every length", "[compressed_tensors]") {
  for (const bool scales_first : {true, false}) {
    const Bytes whole = oneFile(storedTensors(scales_first)).at(kFile);
    for (size_t length = 0; length < whole.size(); ++length) {
      const auto model = emptyModel(WeightType::kInt8);
      Checkpoint checkpoint;
      const Files files{{kFile, Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length))}};
      const auto report = test::load(checkpoint, model->parameters(), files, 1000, /*known_size=*/false);
      if (report.ok() || report.error().code != ErrorCode::kTruncated || checkpoint.next())
        FAIL_CHECK(length << ": " << (report.ok() ? "loaded" : report.error().message));
    }
  }
}

}  // namespace beit
