#include "bindings/handles.h"

#include <algorithm>

#include "bindings/js_values.h"
#include "src/beit/segmentation/segmentation_map.h"
#include "src/image/image_decode.h"
#include "src/kernels/gemm/f32_microkernel.h"
#include "src/kernels/thread_trial.h"
#include "src/kernels/tile_trial.h"
#include "src/registry.h"
#include "weights/reading/containers/safetensors.h"
#include "weights/reading/names/infer_config.h"
#include "weights/reading/shard_index.h"

namespace beit::js {

std::shared_ptr<Execution>& execution() {
  static std::shared_ptr<Execution> instance;
  return instance;
}

std::span<const uint8_t> heapBytes(uintptr_t pointer, double length) {
  return {reinterpret_cast<const uint8_t*>(pointer), static_cast<size_t>(length)};
}

int64_t toWhole(double number) {
  constexpr double kMax = 9007199254740992.0;  // 2^53
  return number >= 0 && number <= kMax ? static_cast<int64_t>(number) : -1;
}

ImageView8 imageView(uintptr_t pointer, double width, double height, double channels) {
  constexpr double kMaxBytes = 4294967295.0;
  const double bytes = width * height * channels;
  return {toWhole(width), toWhole(height), toWhole(channels), heapBytes(pointer, bytes >= 0 && bytes <= kMaxBytes ? bytes : 0)};
}

namespace {

// Hands the parameters what is given in place of a checkpoint's.
Status giveReplaced(std::vector<NamedTensor>& replaced, ParameterList& parameters) {
  for (NamedTensor& given : replaced) BEIT_TRY(parameters.give(given.name, given.tensor.shape, given.tensor.values.span()));
  return {};
}

// Held when a pass begins: whatever is computed meanwhile in other tiles has the same result. A trial that fails, for want of memory,
// changes nothing.
void tryTiles() {
  static TileTrials trials;
  Execution& on = *execution();
  if (!trials.due(secondsOfSteadyClock())) return;
  if (const auto times = timeTiles(on.microkernels(), trials.count() - 1); times.ok())
    on.choose(TileTrials::decide(on.microkernels(), *times));
}

}  // namespace

val start(int threads, bool tall_tiles) {
  return guarded([&] {
    if (execution()) return failed(failure(ErrorCode::kInvalidArgument, "start", "the module has been started before"));
    auto created = Execution::create(threads, {.f32_rows = tall_tiles ? kTallMr : kMr});
    if (!created.ok()) return failed(created.error());
    execution() = std::move(created).value();
    return success();
  });
}

void stop() { execution().reset(); }

val timeThreads(int threads) {
  return guarded([&]() -> val {
    if (!execution() || threads < 1 || threads > execution()->threads()) {
      return failed(failure(ErrorCode::kInvalidArgument, "timeThreads", "the module has no " + std::to_string(threads) + " threads"));
    }
    return outcome(beit::timeThreads(*execution(), threads), [](double seconds) { return val(seconds * 1000.0); });
  });
}

void limitThreads(int threads) {
  if (execution()) execution()->pool().limit(std::clamp(threads, 1, execution()->threads()));
}

val takeProfile() {
  return guarded([&] {
    val profile = val::object();
    if (!execution()) return success(profile);
    for (size_t i = 0; i < kWorkKinds; ++i) {
      const WorkProfile::Entry& entry = execution()->profile().entries[i];
      val row = val::object();
      row.set("seconds", entry.seconds);
      row.set("operations", entry.operations);
      row.set("calls", static_cast<double>(entry.calls));
      profile.set(std::string(toString(static_cast<Work>(i))), row);
    }
    execution()->profile() = {};
    return success(profile);
  });
}

val ModelHandle::create(const std::string& config_json, const std::string& class_name, val options) {
  return guarded([&]() -> val {
    if (!execution()) return failed(failure(ErrorCode::kInvalidArgument, "createModel", "the module has not been started"));
    const auto given = modelOptions(options);
    if (!given.ok()) return failed(given.error());
    return outcome(createModel(config_json, class_name, *given, *execution()),
                   [](std::unique_ptr<Model> model) { return val(std::make_shared<ModelHandle>(std::move(model), execution())); });
  });
}

val ModelHandle::replace(const std::string& name, val tensor) {
  return guarded([&]() -> val {
    auto values = tensorFromJs(tensor, name.c_str());
    if (!values.ok()) return failed(values.error());
    replaced_.push_back({name, std::move(values).value()});
    return success();
  });
}

val ModelHandle::bind(CheckpointHandle& checkpoint) {
  return guarded([&]() -> val {
    if (const Status status = giveReplaced(replaced_, model_->parameters()); !status) return failed(status.error());
    auto report = checkpoint.checkpoint_.bind(model_->parameters());
    if (report.ok()) checkpoint.bound_ = shared_from_this();
    return outcome(std::move(report), [](const BindReport& r) { return toJs(r); });
  });
}

val ModelHandle::inspect(const CheckpointHandle& checkpoint) {
  return guarded(
      [&] { return outcome(checkpoint.checkpoint_.inspect(model_->parameters()), [](const BindReport& r) { return toJs(r); }); });
}

val ModelHandle::convert(CheckpointHandle& checkpoint, const std::string& class_name, const std::string& dtype) {
  return guarded([&]() -> val {
    const auto type = parseDType(dtype);
    if (!type) return failed(mismatch(ErrorCode::kUnsupported, "dtype", "\"" + dtype + "\"", "F32, F16, BF16 or I8"));
    auto created = Conversion::create(model_->parameters(), class_name, *type);
    if (!created.ok()) return failed(created.error());
    std::shared_ptr<Conversion> conversion = std::move(created).value();
    if (const Status status = giveReplaced(replaced_, conversion->parameters()); !status) return failed(status.error());
    auto report = checkpoint.checkpoint_.bind(conversion->parameters());
    if (!report.ok()) return failed(report.error());
    checkpoint.bound_ = conversion;
    return success(val(std::make_shared<ConversionHandle>(conversion, std::move(report).value())));
  });
}

val ModelHandle::finish() const {
  return guarded([&] { return outcome(model_->parameters().complete()); });
}

val ModelHandle::estimate() {
  return guarded([&] {
    const MemoryEstimate estimate = model_->estimate();
    val object = val::object();
    object.set("weights", static_cast<double>(estimate.weights));
    object.set("activations", static_cast<double>(estimate.activations));
    object.set("staging", static_cast<double>(estimate.staging));
    return success(object);
  });
}

val ModelHandle::begin(val inputs, val options) {
  return guarded([&]() -> val {
    auto converted = forwardInputs(inputs);
    if (!converted.ok()) return failed(converted.error());
    if (execution()) tryTiles();
    return outcome(model_->begin(std::move(converted).value(), forwardOptions(options)), [&](std::unique_ptr<ForwardPass> pass) {
      return val(std::make_shared<ForwardHandle>(std::move(pass), shared_from_this()));
    });
  });
}

val CheckpointHandle::create() {
  return guarded([] { return success(val(std::make_shared<CheckpointHandle>())); });
}

val CheckpointHandle::addFile(const std::string& name, double size) {
  return guarded([&] { return outcome(checkpoint_.addFile(name, toWhole(size) >= 0 ? std::optional(toWhole(size)) : std::nullopt)); });
}

val CheckpointHandle::addShardIndex(const std::string& json) {
  return guarded([&] { return outcome(parseShardIndex(json), [](const ShardIndex& index) { return toJs(index.files); }); });
}

val CheckpointHandle::next() {
  return guarded([&] {
    const auto read = checkpoint_.next();
    if (!read) return success();
    val object = val::object();
    object.set("file", read->file);
    object.set("offset", static_cast<double>(read->offset));
    object.set("length", static_cast<double>(read->length));
    return success(object);
  });
}

val CheckpointHandle::supply(uintptr_t pointer, double length) {
  return guarded([&] { return outcome(checkpoint_.supply(heapBytes(pointer, length))); });
}

val CheckpointHandle::ended() {
  return guarded([&] { return outcome(checkpoint_.ended()); });
}

val CheckpointHandle::tensors() const {
  return guarded([&] {
    val array = val::array();
    const auto& entries = checkpoint_.entries();
    for (size_t i = 0; i < entries.size(); ++i) array.set(i, toJs(entries[i], checkpoint_.fileName(entries[i].file)));
    return success(array);
  });
}

val CheckpointHandle::deriveConfig() const {
  return guarded([&] { return outcome(beit::deriveConfig(checkpoint_.entries()), [](const std::string& json) { return val(json); }); });
}

val ConversionHandle::report() const {
  return guarded([&] { return success(toJs(report_)); });
}

val ConversionHandle::tensors() const {
  return guarded([&] {
    const auto& outputs = conversion_->outputs();
    val array = val::array();
    for (size_t i = 0; i < outputs.size(); ++i) {
      val object = val::object();
      object.set("name", outputs[i].name);
      object.set("shape", toJs(outputs[i].shape));
      object.set("dtype", std::string(toString(outputs[i].dtype)));
      array.set(i, object);
    }
    return success(array);
  });
}

val ConversionHandle::take() {
  return guarded([&] {
    const auto pieces = conversion_->take();
    val array = val::array();
    for (size_t i = 0; i < pieces.size(); ++i) {
      val object = val::object();
      object.set("tensor", static_cast<double>(pieces[i].tensor));
      object.set("data", copyOut(pieces[i].bytes.data(), pieces[i].bytes.size()));
      array.set(i, object);
    }
    return success(array);
  });
}

val ConversionHandle::finish() const {
  return guarded([&] { return outcome(conversion_->parameters().complete()); });
}

val ForwardHandle::step() {
  return guarded([&] { return outcome(pass_->step(), [](bool done) { return val(done); }); });
}

val ForwardHandle::outputs() const {
  return guarded([&] {
    val object = val::object();
    for (const NamedTensor& output : pass_->outputs()) object.set(output.name, toJs(output.tensor));
    return success(object);
  });
}

val ImageProcessorHandle::create(const std::string& json) {
  return guarded([&] {
    return outcome(BeitImageProcessor::parse(json),
                   [](BeitImageProcessor processor) { return val(std::make_shared<ImageProcessorHandle>(std::move(processor))); });
  });
}

val ImageProcessorHandle::config() const {
  return guarded([&] { return success(toJs(processor_.config())); });
}

val ImageProcessorHandle::preprocess(uintptr_t pointer, double width, double height, double channels) const {
  return guarded([&] {
    return outcome(processor_.preprocess(imageView(pointer, width, height, channels)), [](const Tensor& tensor) { return toJs(tensor); });
  });
}

val ImageProcessorHandle::preprocessFile(uintptr_t pointer, double length) const {
  return guarded([&] {
    return outcome(processor_.preprocessFile(heapBytes(pointer, length)), [](const PreparedPicture& made) {
      val object = toJs(made.pixel_values);
      object.set("height", static_cast<double>(made.size.height));
      object.set("width", static_cast<double>(made.size.width));
      return object;
    });
  });
}

val ImageProcessorHandle::preprocessSegmentationMap(uintptr_t pointer, double width, double height) const {
  return guarded([&] {
    return outcome(processor_.preprocessSegmentationMap(imageView(pointer, width, height, 1)), [](const LabelMap& map) {
      val object = val::object();
      object.set("dims", toJs(map.shape));
      object.set("data", copyOut(map.values.data(), map.values.size()));
      return object;
    });
  });
}

val postProcessSemanticSegmentation(val logits, double height, double width, bool with_scores, val palette) {
  return guarded([&]() -> val {
    if (!execution())
      return failed(failure(ErrorCode::kInvalidArgument, "postProcessSemanticSegmentation", "the module has not been started"));
    auto tensor = tensorFromJs(logits, "logits");
    if (!tensor.ok()) return failed(tensor.error());
    const auto colours = paletteFromJs(palette);
    if (!colours.ok()) return failed(colours.error());
    Shape& shape = tensor->shape;
    if (shape.size() == 4 && shape[0] == 1) shape.erase(shape.begin());
    const Size size{toWhole(height), toWhole(width)};
    return outcome(segmentationMap(*execution(), *tensor, size, with_scores, *colours),
                   [](const SegmentationMap& map) { return toJs(map); });
  });
}

val readConfig(const std::string& json) {
  return guarded([&] { return outcome(parseConfig(json), [](const BeitConfig& config) { return toJs(config); }); });
}

val decode(uintptr_t pointer, double length) {
  return guarded([&] { return outcome(decodeImage(heapBytes(pointer, length)), [](const Image8& image) { return toJs(image); }); });
}

val readSafetensors(uintptr_t pointer, double length) {
  return guarded([&] {
    const auto file = heapBytes(pointer, length);
    return outcome(indexSafetensors(file, "The safetensors file"), [&](const std::vector<TensorEntry>& entries) {
      NamedValues tensors;
      for (const TensorEntry& entry : entries) {
        val tensor = val::object();
        tensor.set("dims", toJs(entry.shape));
        tensor.set("dtype", std::string(entry.type()));
        tensor.set("data", elementsToJs(entry.dtype, file.subspan(static_cast<size_t>(entry.offset), static_cast<size_t>(entry.bytes))));
        tensors.add(entry.name, tensor);
      }
      return tensors.object();
    });
  });
}

}  // namespace beit::js
