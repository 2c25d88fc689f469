#include "tests/support/case.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "src/base/json.h"
#include "src/registry.h"
#include "tests/support/files.h"
#include "tests/support/named_tensors.h"
#include "weights/reading/checkpoint.h"
#include "weights/reading/shard_index.h"

namespace beit::test {

namespace {

namespace fs = std::filesystem;

Status readStage(const fs::path& folder, Checkpoint& checkpoint, size_t piece) {
  while (const auto read = checkpoint.next()) {
    const auto bytes = readBytes(folder / read->file);
    const auto end = static_cast<size_t>(read->offset + read->length);
    if (end > bytes.size()) return checkpoint.ended();
    for (size_t at = static_cast<size_t>(read->offset); at < end; at += piece)
      BEIT_TRY(checkpoint.supply(std::span(bytes).subspan(at, std::min(piece, end - at))));
  }
  return {};
}

// Returns the checkpoint's files: shards, or the one file that is of any container.
Result<std::vector<std::string>> checkpointFiles(const fs::path& folder) {
  if (fs::exists(folder / "model.safetensors.index.json")) {
    BEIT_ASSIGN(ShardIndex index, parseShardIndex(readText(folder / "model.safetensors.index.json")));
    return index.files;
  }
  for (const char* name : {"model.safetensors", "pytorch_model.bin", "flax_model.msgpack"})
    if (fs::exists(folder / name)) return std::vector<std::string>{name};
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".pth") return std::vector{entry.path().filename().string()};
  return failure(ErrorCode::kNotFound, folder.string(), "no checkpoint is in this folder");
}

Result<Tensor> tensorOf(const NamedValues& values) {
  BEIT_ASSIGN(Tensor tensor, Tensor::allocate(values.shape, "input"));
  const auto floats = values.floats();
  std::copy(floats.begin(), floats.end(), tensor.values.data());
  return tensor;
}

CaseRow compare(const std::string& name, const Tensor* got, const NamedValues& want, double atol, double rtol) {
  CaseRow row{name, 0.0, got && got->shape == want.shape};
  if (!row.pass) return row;
  const auto values = want.values();
  for (size_t i = 0; i < values.size(); ++i) {
    const double difference = std::abs(static_cast<double>(got->values.data()[i]) - values[i]);
    row.largest_difference = std::max(row.largest_difference, difference);
    if (!(difference <= atol + rtol * std::abs(values[i]))) row.pass = false;
  }
  return row;
}

}  // namespace

Result<ForwardInputs> inputsOf(const std::map<std::string, NamedValues>& tensors) {
  ForwardInputs inputs;
  BEIT_ASSIGN(inputs.pixel_values, tensorOf(tensors.at("in.pixel_values")));
  if (const auto mask = tensors.find("in.bool_masked_pos"); mask != tensors.end()) {
    inputs.mask_shape = mask->second.shape;
    inputs.bool_masked_pos = mask->second.bytes;
  }
  if (const auto labels = tensors.find("in.labels"); labels != tensors.end()) {
    inputs.labels.emplace().shape = labels->second.shape;
    const auto values = labels->second.values();
    if (labels->second.dtype == DType::kF32) inputs.labels->values = std::vector<float>(values.begin(), values.end());
    else inputs.labels->values = std::vector<int32_t>(values.begin(), values.end());
  }
  return inputs;
}

Status fill(ParameterList& parameters, const fs::path& folder, size_t piece) {
  BEIT_ASSIGN(const auto files, checkpointFiles(folder));
  Checkpoint checkpoint;
  for (const auto& file : files) BEIT_TRY(checkpoint.addFile(file, static_cast<int64_t>(readBytes(folder / file).size())));
  BEIT_TRY(readStage(folder, checkpoint, piece));
  BEIT_ASSIGN(const BindReport report, checkpoint.bind(parameters));
  return readStage(folder, checkpoint, piece);
}

Result<std::unique_ptr<Model>> loadModel(const fs::path& folder, const std::string& class_name, const ModelOptions& options,
                                         const Execution& execution, size_t piece) {
  BEIT_ASSIGN(BeitConfig config, parseConfig(readText(folder / "config.json")));
  BEIT_ASSIGN(std::unique_ptr<Model> model, createModel(std::move(config), class_name, options, execution));
  BEIT_TRY(fill(model->parameters(), folder, piece));
  return model;
}

Result<std::vector<CaseRow>> runCase(const fs::path& folder, const Execution& execution) {
  BEIT_ASSIGN(const Json json, Json::parse(readText(folder / "case.json"), "case.json"));
  const JsonValue root = json.root();
  ModelOptions model_options;
  model_options.add_pooling_layer = root.find("add_pooling_layer").asBool().value_or(true);
  BEIT_ASSIGN(const auto model,
              loadModel(folder, std::string(root.find("class").asString().value_or("")), model_options, execution, /*piece=*/10007));
  BEIT_ASSIGN(const auto tensors, readTensors(folder / "expected.safetensors"));
  BEIT_ASSIGN(ForwardInputs inputs, inputsOf(tensors));
  ForwardOptions options;
  options.interpolate_pos_encoding = root.find("interpolate_pos_encoding").asBool().value_or(false);
  options.output_hidden_states = tensors.contains("out.hidden_states.0");
  options.output_attentions = tensors.contains("out.attentions.0");
  BEIT_ASSIGN(const auto pass, model->begin(std::move(inputs), options));
  for (bool done = false; !done;) {
    BEIT_ASSIGN(done, pass->step());
  }

  std::vector<CaseRow> rows;
  for (const auto& [name, want] : tensors) {
    if (!name.starts_with("out.")) continue;
    const auto& outputs = pass->outputs();
    const auto got = std::find_if(outputs.begin(), outputs.end(), [&](const auto& o) { return "out." + o.name == name; });
    rows.push_back(compare(name.substr(4), got == outputs.end() ? nullptr : &got->tensor, want, root.find("atol").asDouble().value_or(0),
                           root.find("rtol").asDouble().value_or(0)));
  }
  return rows;
}

}  // namespace beit::test
