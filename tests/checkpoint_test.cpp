#include "weights/reading/checkpoint.h"

#include <cstring>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "src/registry.h"
#include "tests/support/loading.h"
#include "tests/support/random_model.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

using namespace std::string_view_literals;

using test::Bytes;
using test::Files;
using test::FileTensor;

const std::string kFile = "model.safetensors";

BeitConfig smallConfig() {
  BeitConfig config;
  config.hidden_size = 4;
  config.num_attention_heads = 2;
  config.num_hidden_layers = 1;
  config.intermediate_size = 4;
  config.num_channels = 1;
  config.image_size = {4, 6};
  config.patch_size = {2, 2};
  config.use_mask_token = true;
  config.use_relative_position_bias = true;
  return config;
}

std::unique_ptr<Model> emptyModel() {
  auto model = createModel(smallConfig(), "BeitForImageClassification", {}, test::execution());
  REQUIRE(model.ok());
  return std::move(model).value();
}

// Values that a half holds exactly, so that files of every type hold the same.
const test::Weights& weights() {
  static const test::Weights values = [] {
    test::Weights made = test::randomWeights(emptyModel()->parameters(), 41);
    for (auto& [name, floats] : made)
      for (float& value : floats) value = static_cast<float>(static_cast<int>(value * 64.0f)) / 64.0f;
    return made;
  }();
  return values;
}

std::string same(const std::string& name) { return name; }

std::vector<FileTensor> tensors() { return test::tensorsOf(emptyModel()->parameters(), weights(), same); }

Files goodFiles() { return {{kFile, test::safetensorsFile(tensors())}}; }

std::vector<float> logitsOf(Model& model) {
  test::Random random(42);
  const auto outputs = test::outputsOf(model, test::randomInputs(smallConfig(), 1, {4, 6}, true, random));
  const auto logits = outputs.at("logits").values.span();
  return {logits.begin(), logits.end()};
}

const std::vector<float>& expectedLogits() {
  static const std::vector<float> logits = [] {
    const auto model = emptyModel();
    REQUIRE(test::fill(model->parameters(), weights()).ok());
    return logitsOf(*model);
  }();
  return logits;
}

// Loads a new model; returns "code message" of what went wrong, or "" when the model answers as it should.
std::string refusal(const Files& files, size_t piece = 4096, bool known_size = true) {
  const auto model = emptyModel();
  Checkpoint checkpoint;
  const auto report = test::load(checkpoint, model->parameters(), files, piece, known_size);
  if (!report.ok()) {
    CHECK_FALSE(checkpoint.next());  // wants nothing more
    return std::string(codeName(report.error().code)) + " " + report.error().message;
  }
  return logitsOf(*model) == expectedLogits() ? "" : "other logits";
}

}  // namespace

TEST_CASE("Pieces of every size load the same", "[checkpoint]") {
  for (const size_t piece : {1u, 2u, 3u, 7u, 4096u, 1u << 20})
    for (const bool known_size : {false, true}) CHECK(refusal(goodFiles(), piece, known_size) == "");
}

TEST_CASE("Every type of weights loads the same", "[checkpoint]") {
  const auto parameters = tensors();
  for (const std::string dtype : {"F16", "BF16", "F64"}) {
    std::vector<FileTensor> converted;
    for (const FileTensor& tensor : parameters) {
      const auto& values = weights().at(tensor.name);
      if (dtype == "F64") {
        converted.push_back(test::tensorOf(tensor.name, dtype, tensor.shape, std::vector<double>(values.begin(), values.end())));
        continue;
      }
      std::vector<uint16_t> halves;
      for (const float value : values) {
        uint32_t bits;
        std::memcpy(&bits, &value, sizeof bits);
        const uint32_t sign = bits >> 16 & 0x8000, exponent = bits >> 23 & 255;
        if (dtype == "BF16") halves.push_back(static_cast<uint16_t>(bits >> 16));
        else halves.push_back(static_cast<uint16_t>(value == 0.0f ? sign : sign | (exponent - 112) << 10 | (bits >> 13 & 1023)));
      }
      converted.push_back(test::tensorOf(tensor.name, dtype, tensor.shape, halves));
    }
    for (const size_t piece : {1u, 3u, 4096u}) {
      CAPTURE(dtype, piece);
      CHECK(refusal({{kFile, test::safetensorsFile(converted)}}, piece) == "");
    }
  }
}

TEST_CASE("A file that ends early is truncated, at every length, and a good one loads after it", "[checkpoint]") {
  const Bytes whole = goodFiles().at(kFile);
  REQUIRE(whole.size() > 3000);
  for (const bool known_size : {false, true}) {
    for (size_t length = 0; length < whole.size(); ++length) {
      const auto model = emptyModel();
      Checkpoint checkpoint;
      const Files files{{kFile, Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length))}};
      const auto report = test::load(checkpoint, model->parameters(), files, 1000, known_size);
      if (report.ok() || report.error().code != ErrorCode::kTruncated || report.error().where != kFile || checkpoint.next())
        FAIL_CHECK(length << ": " << (report.ok() ? "loaded" : report.error().message));
      // Where the size is known, the header tells before a tensor is asked for.
      if (known_size && checkpoint.entries().size() > 0) FAIL_CHECK(length << ": an index of a truncated file");
    }
  }
  CHECK(refusal(goodFiles()) == "");
}

TEST_CASE("A file with bytes behind its tensors is malformed where its size is known", "[checkpoint]") {
  Files files = goodFiles();
  files.at(kFile).push_back(0);
  CHECK(refusal(files).starts_with("malformed " + kFile));
  CHECK(refusal(files, 4096, /*known_size=*/false) == "");
}

TEST_CASE("Files of other kinds are told", "[checkpoint]") {
  const auto of = [](std::string_view text) {
    Bytes bytes(text.begin(), text.end());
    bytes.resize(std::max<size_t>(bytes.size(), 64), ' ');
    return refusal({{kFile, bytes}});
  };
  CHECK(of("<!DOCTYPE html><html><body>Not found</body></html>").starts_with("html " + kFile + ": got a web page"));
  CHECK(of("\n\n <html>").starts_with("html"));
  CHECK(of("\xEF\xBB\xBF<html>").starts_with("html"));
  CHECK(of("<?xml version=\"1.0\"?><Error>").starts_with("html"));
  CHECK(of("version https://git-lfs.github.com/spec/v1\noid sha256:0\n").find("a Git LFS pointer") != std::string::npos);
  CHECK(of("\x89HDF\r\n\x1a\n").find("an HDF5 file") != std::string::npos);
  CHECK(of("GGUF\x03").find("a GGUF file") != std::string::npos);
  CHECK(of("\x08\x07\x12\x07pytorch").find("an ONNX model") != std::string::npos);
  CHECK(of("\x1c\0\0\0TFL3"sv).find("a TensorFlow Lite model") != std::string::npos);
  CHECK(of("\x93NUMPY\x01").find("an array of NumPy") != std::string::npos);
  CHECK(of("\x1f\x8b\x08\0\0\0\0\0\x02\x03"sv).find("a gzip archive, expected a safetensors, PyTorch or Flax file: unpack it first") !=
        std::string::npos);
  CHECK(of("\x80\x04\x95\x10zzzzzzzz").starts_with("unsupported " + kFile + ": got a Python pickle"));
  CHECK_FALSE(of("PK\x03\x04 and no more of a zip file").empty());
  CHECK(of("{\"error\": \"Repository not found\"}") == "malformed " + kFile +
                                                           ": got a file that begins with 7b 22 65 72 72 6f 72 22 ({\"error\"), " +
                                                           "expected a safetensors, PyTorch or Flax file.");
  CHECK(of(std::string(64, '\0')).starts_with("malformed " + kFile + ": got a header of 0 bytes"));
}

TEST_CASE("A header whose length looks like a pickle's first bytes is read", "[checkpoint]") {
  // 80 02, 80 03, 80 04 and 80 05, little-endian; the small file's own header is longer than the first.
  for (const size_t length : {0x10280u, 0x10380u, 0x480u + 0x10000u, 0x10580u})
    CHECK(refusal({{kFile, test::safetensorsFile(tensors(), length)}}) == "");
  for (const size_t length : {0x280u, 0x380u, 0x480u, 0x580u}) {
    Checkpoint checkpoint;
    const Files files{{kFile, test::safetensorsFile({test::tensorOf("a", "U8", {1}, Bytes{1})}, length)}};
    REQUIRE(checkpoint.addFile(kFile, {}).ok());
    CHECK(test::feed(checkpoint, files, 4096).ok());
    CHECK(checkpoint.entries().size() == 1);
  }
}

TEST_CASE("All that is missing, unexpected or of another shape is named at once", "[checkpoint]") {
  auto list = tensors();
  std::erase_if(list, [](const FileTensor& t) { return t.name == "classifier.bias" || t.name == "beit.embeddings.mask_token"; });
  for (FileTensor& t : list)
    if (t.name == "classifier.weight") t.shape = {1, 8};
  list.push_back(test::tensorOf("lm_head.weight", "F32", {1}, std::vector<float>{1.0f}));
  const Files files{{kFile, test::safetensorsFile(list)}};
  const std::string got = refusal(files);
  CHECK(got.starts_with("missing-tensor Tensors of " + kFile + " (names of transformers): got 2 missing: "));
  for (const char* part : {"classifier.bias", "beit.embeddings.mask_token", "classifier.weight is [1, 8] and should be [2, 4]",
                           "not expected: lm_head.weight"})
    CHECK(got.find(part) != std::string::npos);

  // inspect() tells the same and leaves the checkpoint as it is.
  const auto model = emptyModel();
  Checkpoint checkpoint;
  REQUIRE(checkpoint.addFile(kFile, {}).ok());
  REQUIRE(test::feed(checkpoint, files, 4096).ok());
  const auto report = checkpoint.inspect(model->parameters());
  REQUIRE(report.ok());
  CHECK(report->missing.size() == 2);
  CHECK(report->wrong.size() == 1);
  CHECK(report->unexpected == std::vector<std::string>{"lm_head.weight"});
  CHECK(report->container == "safetensors");
  CHECK_FALSE(checkpoint.next());
}

TEST_CASE("A tensor of another shape or type is refused, one that is not needed is not", "[checkpoint]") {
  const auto with = [](const std::string& name, auto change) {
    auto list = tensors();
    for (FileTensor& t : list)
      if (t.name == name) change(t);
    return refusal({{kFile, test::safetensorsFile(list)}});
  };
  CHECK(with("classifier.bias", [](FileTensor& t) { t.shape = {1, 2}; }).starts_with("wrong-shape"));
  const std::string integers = with("classifier.bias", [](FileTensor& t) {
    t = test::tensorOf(t.name, "I64", {2}, std::vector<int64_t>{1, 2});
  });
  CHECK(integers.starts_with("wrong-type"));
  CHECK(integers.find("classifier.bias is of type I64 and should be F32, F16, BF16 or F64") != std::string::npos);
  auto more = tensors();
  more.insert(more.begin(), test::tensorOf("lm_head.weight", "I32", {1}, std::vector<int32_t>{1}));
  CHECK(refusal({{kFile, test::safetensorsFile(more)}}) == "");
}

TEST_CASE("Elements of any other type are an error only where they are needed", "[checkpoint]") {
  for (const std::string type : {"F8_E4M3", "C64", "F4", "whatever comes next"}) {
    CAPTURE(type);
    auto list = tensors();
    list.push_back(test::tensorOf("extra.scale", type, {3}, Bytes{1, 2, 3}));
    for (const size_t piece : {1u, 4096u}) CHECK(refusal({{kFile, test::safetensorsFile(list)}}, piece) == "");
    for (FileTensor& t : list)
      if (t.name == "classifier.bias") t.dtype = type;
    const std::string needed = refusal({{kFile, test::safetensorsFile(list)}});
    CHECK(needed.starts_with("wrong-type"));
    CHECK(needed.find("classifier.bias is of type " + type + " and should be F32, F16, BF16 or F64") != std::string::npos);
  }
}

TEST_CASE("What stands before every name is taken off, and told", "[checkpoint]") {
  for (const std::string prefix :
       {"module.", "_orig_mod.", "model.", "net.", "backbone.", "timm_model.", "module._orig_mod.net.", "whatever.0.else."}) {
    CAPTURE(prefix);
    auto list = test::tensorsOf(emptyModel()->parameters(), weights(), [&](const std::string& name) { return prefix + name; });
    CHECK(refusal({{kFile, test::safetensorsFile(list)}}) == "");
    list.push_back(test::tensorOf("n_averaged", "I64", {}, std::vector<int64_t>{7}));  // PyTorch's AveragedModel counts beside it
    const auto model = emptyModel();
    Checkpoint checkpoint;
    const auto report = test::load(checkpoint, model->parameters(), {{kFile, test::safetensorsFile(list)}}, 4096, true);
    REQUIRE(report.ok());
    CHECK(report->dialect == "transformers, each behind \"" + prefix + "\"");
    CHECK(report->unexpected == std::vector<std::string>{"n_averaged"});
    // But not where other tensors stand beside it: they may be another model's.
    list.push_back(test::tensorOf("teacher.w", "F32", {1}, std::vector<float>{1.0f}));
    CHECK(refusal({{kFile, test::safetensorsFile(list)}}).starts_with("unsupported"));
  }
}

TEST_CASE("A LoRA adapter is told, alone and beside its model", "[checkpoint]") {
  const std::string layer = "base_model.model.beit.encoder.layer.0.attention.attention.query.";
  const FileTensor change = test::tensorOf(layer + "lora_A.weight", "F32", {1, 4}, std::vector<float>(4));
  CHECK(refusal({{kFile, test::safetensorsFile({change})}})
            .starts_with("unsupported " + kFile + ": got a LoRA adapter (" + change.name + ")"));
  auto list = test::tensorsOf(emptyModel()->parameters(), weights(), [](const std::string& name) { return "base_model.model." + name; });
  list.push_back(change);
  CHECK(refusal({{kFile, test::safetensorsFile(list)}}).find("a LoRA adapter") != std::string::npos);
}

TEST_CASE("Checkpoints of other architectures and tools are told for what they are", "[checkpoint]") {
  constexpr std::pair<const char*, const char*> kOthers[] = {
      {"beit3.encoder.layers.0.self_attn.k_proj.A.weight", "a BEiT-3 checkpoint"},
      {"backbone.layers.0.ffn.layers.0.0.weight", "a checkpoint of mmsegmentation or mmpretrain"},
      {"vit.encoder.layer.0.attention.attention.query.weight", "a ViT checkpoint"},
      {"vision_model.encoder.layers.0.mlp.fc1.weight", "a CLIP or SigLIP checkpoint"},
  };
  for (const auto& [name, what] : kOthers) {
    const std::string cls = std::string(name).starts_with("backbone.") ? "backbone.cls_token" : "some.cls_token";
    const Files files{{kFile, test::safetensorsFile({test::tensorOf(name, "F32", {1, 4}, std::vector<float>(4)),
                                                     test::tensorOf(cls, "F32", {1, 1, 4}, std::vector<float>(4)),
                                                     test::tensorOf("head.bias", "F32", {4}, std::vector<float>(4))})}};
    CHECK_THAT(refusal(files), Catch::Matchers::StartsWith("unsupported " + kFile + ": got " + what + " (" + name + "), expected "));
  }
}

TEST_CASE("A config that turns off what the file has of the body is refused", "[checkpoint]") {
  auto list = tensors();
  list.push_back(test::tensorOf("beit.encoder.layer.9.output.dense.weight", "F32", {1}, std::vector<float>{1.0f}));
  CHECK(refusal({{kFile, test::safetensorsFile(list)}}).starts_with("bad-config Tensors of " + kFile));
  // What is no part of the body is another head's.
  list.back() = test::tensorOf("other_head.weight", "F32", {1}, std::vector<float>{1.0f});
  CHECK(refusal({{kFile, test::safetensorsFile(list)}}) == "");
}

TEST_CASE("Names of no known family, or none, are refused", "[checkpoint]") {
  CHECK(refusal({{kFile, test::safetensorsFile({test::tensorOf("a", "U8", {1}, Bytes{1})})}})
            .starts_with("unsupported " + kFile + ": got tensors called a"));
  CHECK(refusal({{kFile, test::safetensorsFile({})}}).starts_with("unsupported " + kFile + ": got no tensors"));
}

TEST_CASE("Files without prefix and of Data2VecVision load the same", "[checkpoint]") {
  const auto bare = [](const std::string& name) { return name.starts_with("beit.") ? name.substr(5) : name; };
  const auto data2vec = [&](const std::string& name) { return name.starts_with("beit.") ? "data2vec_vision." + name.substr(5) : name; };
  CHECK(refusal({{kFile, test::safetensorsFile(test::tensorsOf(emptyModel()->parameters(), weights(), bare))}}) == "");
  CHECK(refusal({{kFile, test::safetensorsFile(test::tensorsOf(emptyModel()->parameters(), weights(), data2vec))}}) == "");
}

}  // namespace beit
