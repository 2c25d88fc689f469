// Targets that go on from what was parsed: models and processors are made, estimated and run.
#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/json.h"
#include "src/beit/config.h"
#include "src/dalle/dalle_tokenizer.h"
#include "src/image/image_processor.h"
#include "src/registry.h"
#include "tests/fuzz/targets.h"
#include "weights/reading/checkpoint.h"
#include "weights/reading/names/infer_config.h"

namespace beit::fuzz {

namespace {

// What one input may take, so that a run is a few milliseconds with sanitizers.
constexpr int64_t kMaxWeightBytes = 512 << 10, kMaxActivationBytes = 4 << 20, kMaxImageBytes = 1 << 20;
constexpr int64_t kMaxGrid = 4;  // patches a side

constexpr std::array<std::string_view, 5> kClasses = {"BeitModel", "BeitForMaskedImageModeling", "BeitForImageClassification",
                                                      "BeitForSemanticSegmentation", "BeitBackbone"};

const char* speechless(const Error& error) { return error.message.empty() ? "an error without a sentence" : nullptr; }

// One thread: an input's coverage must not depend on who took which task. Null where there is none.
const Execution* execution() {
  static const std::unique_ptr<Execution> instance = []() -> std::unique_ptr<Execution> {
    auto created = Execution::create(1);
    return created.ok() ? std::move(created).value() : nullptr;
  }();
  return instance.get();
}

std::string_view textOf(std::span<const uint8_t> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// Gives every parameter values of both signs.
Status fill(ParameterList& parameters) {
  std::vector<float> values;
  for (size_t i = 0; i < parameters.all().size(); ++i) {
    values.resize(static_cast<size_t>(elementCount(parameters.all()[i].shape).value_or(0)));
    for (size_t k = 0; k < values.size(); ++k) values[k] = (static_cast<float>(k * 7 % 13) - 5.0f) / 16.0f;
    BEIT_TRY(parameters.deliver(i, values));
  }
  return {};
}

// Runs a pass to its end.
const char* runPass(Model& model, ForwardInputs inputs, const ForwardOptions& options) {
  const auto pass = model.begin(std::move(inputs), options);
  if (!pass.ok()) return speechless(pass.error());
  for (bool done = false; !done;) {
    const auto step = (*pass)->step();
    if (!step.ok()) return speechless(step.error());
    done = *step;
  }
  if ((*pass)->outputs().empty()) return "a pass without an output";
  for (const auto& [name, tensor] : (*pass)->outputs())
    if (elementCount(tensor.shape) != static_cast<int64_t>(tensor.values.size())) return "an output of another size than its shape";
  return nullptr;
}

// Returns a picture of (1, channels, size), or nothing where it is too large to be run.
std::optional<Tensor> picture(int64_t channels, Size size) {
  const auto count = elementCount({1, channels, size.height, size.width});
  if (!count || *count > kMaxImageBytes / 4) return std::nullopt;
  auto tensor = Tensor::allocate({1, channels, size.height, size.width}, "a picture");
  if (!tensor.ok()) return std::nullopt;
  for (size_t i = 0; i < tensor->values.size(); ++i) tensor->values.data()[i] = static_cast<float>(i % 29) / 16.0f - 0.9f;
  return std::move(tensor).value();
}

// Labels that the class takes for one picture.
Labels labelsFor(std::string_view class_name, const BeitConfig& config, size_t masked) {
  if (class_name == "BeitForSemanticSegmentation") return {{1, 5, 7}, std::vector<int32_t>(35, 0)};
  if (class_name == "BeitForMaskedImageModeling") return {{static_cast<int64_t>(masked)}, std::vector<int32_t>(masked, 0)};
  if (config.problem_type == ProblemType::kRegression || config.problem_type == ProblemType::kMultiLabel || config.num_labels == 1)
    return {{1, config.num_labels}, std::vector<float>(static_cast<size_t>(config.num_labels), 1.0f)};
  return {{1}, std::vector<int32_t>{0}};
}

// Estimates, fills and runs a model, first of its own size as far as that is small, then with every
// output that can be asked for.
const char* runModel(const BeitConfig& config, std::string_view class_name, WeightType dtype) {
  ModelOptions options;
  options.dtype = dtype;
  const auto created = createModel(config, class_name, options, *execution());
  if (!created.ok()) return speechless(created.error());
  Model& model = **created;
  const MemoryEstimate estimate = model.estimate();
  if (estimate.weights < 0 || estimate.activations < 0 || estimate.staging < 0) return "an estimate below nothing";
  if (estimate.weights > kMaxWeightBytes || estimate.staging > kMaxWeightBytes || estimate.activations > kMaxActivationBytes)
    return nullptr;
  if (const Status filled = fill(model.parameters()); !filled) return speechless(filled.error());

  const Size window = config.patchGrid();
  const Size grid{std::min(window.height, kMaxGrid), std::min(window.width, kMaxGrid)};
  const Size size{grid.height * config.patch_size.height, grid.width * config.patch_size.width};
  for (const bool all : {false, true}) {
    auto pixels = picture(config.num_channels, size);
    if (!pixels) return nullptr;
    ForwardInputs inputs;
    inputs.pixel_values = std::move(*pixels);
    size_t masked = 0;
    if (all && config.use_mask_token) {
      inputs.mask_shape = {1, grid.area()};
      for (int64_t i = 0; i < grid.area(); ++i) inputs.bool_masked_pos.push_back(i % 3 == 0);
      masked = static_cast<size_t>((grid.area() + 2) / 3);
    }
    if (all && class_name != "BeitModel" && class_name != "BeitBackbone" && config.num_labels <= 4096)
      inputs.labels = labelsFor(class_name, config, masked);
    if (const char* broken = runPass(model, std::move(inputs), {.output_hidden_states = all, .output_attentions = all})) return broken;
  }
  return nullptr;
}

// Estimates, fills and runs half a tokenizer.
const char* runTokenizer(std::string_view config_json, std::string_view class_name) {
  const auto config = parseDalleConfig(config_json);
  if (!config.ok()) return speechless(config.error());
  const auto created = createModel(config_json, class_name, {}, *execution());
  if (!created.ok()) return speechless(created.error());
  Model& model = **created;
  const MemoryEstimate estimate = model.estimate();
  if (estimate.weights < 0 || estimate.activations < 0 || estimate.staging < 0) return "an estimate below nothing";
  // The estimate of activations is for 112 pixels, of which a token or four are a small share.
  if (estimate.weights > kMaxWeightBytes || config->n_hid * config->downsampling() > 4096) return nullptr;
  if (const Status filled = fill(model.parameters()); !filled) return speechless(filled.error());
  ForwardInputs inputs;
  if (class_name == DalleDecoder::kClassName) {
    inputs.tokens = Labels{{1, 1, 2}, std::vector<int32_t>{0, static_cast<int32_t>(config->vocab_size - 1)}};
  } else {
    auto pixels = picture(3, {config->downsampling(), config->downsampling()});
    if (!pixels) return nullptr;
    inputs.pixel_values = std::move(*pixels);
  }
  return runPass(model, std::move(inputs), {});
}

// Whether an allocation of so many bytes would only cost time. Where addresses have 32 bits, what does
// not fit into them costs none, since it must be refused: that is tried.
bool isTooMuch(int64_t bytes, int64_t most) {
  return bytes > most && (sizeof(size_t) > 4 || bytes <= int64_t{std::numeric_limits<uint32_t>::max()});
}

}  // namespace

const char* runConfig(std::span<const uint8_t> bytes) {
  if (!execution()) return "no thread pool";
  const auto config = parseConfig(textOf(bytes));
  if (!config.ok()) return speechless(config.error());
  // Of deep models one class, since making their thousands of parameters takes the time of many inputs.
  constexpr int64_t kMaxLayers = 8;
  const WeightType dtype = bytes.size() % 2 ? WeightType::kInt8 : WeightType::kFloat32;
  if (config->num_hidden_layers > kMaxLayers) return runModel(*config, kClasses[bytes.size() % kClasses.size()], dtype);
  for (const std::string_view name : kClasses)
    if (const char* broken = runModel(*config, name, dtype)) return broken;
  return nullptr;
}

const char* runTokenizerConfig(std::span<const uint8_t> bytes) {
  if (!execution()) return "no thread pool";
  for (const std::string_view name : {DalleEncoder::kClassName, DalleDecoder::kClassName})
    if (const char* broken = runTokenizer(textOf(bytes), name)) return broken;
  return nullptr;
}

const char* runProcessor(std::span<const uint8_t> bytes) {
  const auto processor = BeitImageProcessor::parse(textOf(bytes));
  if (!processor.ok()) return speechless(processor.error());
  const BeitImageProcessorConfig& config = processor->config();
  constexpr int64_t kMaxBytes = 4 << 20, kSide = 3, kChannels = 3;
  // do_resize makes an image of `size`, do_center_crop one of `crop_size`. Both are bounded, so that
  // these products are far inside 63 bits.
  for (const Size size :
       {config.do_resize ? config.size : Size{kSide, kSide}, config.do_center_crop ? config.crop_size : Size{kSide, kSide}})
    if (isTooMuch(size.area() * kChannels * 4, kMaxBytes) || isTooMuch(size.area() * 4, kMaxBytes) || isTooMuch(size.area(), kMaxBytes) ||
        isTooMuch(std::max(size.height, size.width) * 64, kMaxBytes))
      return nullptr;
  std::array<uint8_t, kSide * kSide * kChannels> samples;
  for (size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<uint8_t>(i * 37);
  const auto pixels = processor->preprocess({kSide, kSide, kChannels, samples});
  if (pixels.ok() ? elementCount(pixels->shape) != static_cast<int64_t>(pixels->values.size()) : pixels.error().message.empty())
    return "pixel values of another size than their shape, or no sentence";
  const auto map = processor->preprocessSegmentationMap({kSide, kSide, 1, std::span(samples).first(kSide * kSide)});
  if (map.ok() ? elementCount(map->shape) != static_cast<int64_t>(map->values.size()) : map.error().message.empty())
    return "a map of another size than its shape, or no sentence";
  return nullptr;
}

const char* runDerived(std::span<const uint8_t> bytes) {
  if (!execution()) return "no thread pool";
  // A stream, so that a header may speak of elements that the input does not have: none is read.
  Checkpoint checkpoint;
  if (!checkpoint.addFile("fuzz", std::nullopt).ok()) return "a file that cannot be added";
  const auto size = static_cast<int64_t>(bytes.size());
  while (const auto read = checkpoint.next()) {
    if (read->offset < 0 || read->length <= 0) return "a wish for nothing";
    if (read->offset > size || read->length > size - read->offset) return nullptr;
    if (!checkpoint.supply(bytes.subspan(static_cast<size_t>(read->offset), static_cast<size_t>(read->length))).ok()) return nullptr;
  }
  const auto text = deriveConfig(checkpoint.entries());
  if (!text.ok()) return speechless(text.error());
  const auto document = Json::parse(*text, "The derived config");
  if (!document.ok()) return "a derived config that is no JSON";
  for (const std::string_view name : {DalleEncoder::kClassName, DalleDecoder::kClassName})
    if (text->find(name) != std::string::npos) return runTokenizer(*text, name);
  const auto config = parseConfig(*text);
  if (!config.ok()) return speechless(config.error());
  if (config->architectures.size() != 1) return "a derived config without a class";
  const auto created = createModel(*config, config->architectures.front(), {}, *execution());
  if (!created.ok()) return speechless(created.error());
  if (const auto report = checkpoint.inspect((*created)->parameters()); !report.ok()) return "a table that has lost its naming";
  return runModel(*config, config->architectures.front(), WeightType::kFloat32);
}

}  // namespace beit::fuzz
