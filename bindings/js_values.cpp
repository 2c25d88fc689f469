#include "bindings/js_values.h"

#include <array>
#include <cstring>
#include <exception>
#include <new>
#include <span>
#include <stdexcept>
#include <string_view>

#include "weights/reading/element_convert.h"

namespace beit::js {

namespace {

template <typename T>
val copyElements(std::span<const uint8_t> bytes) {
  // Elements of a file need not be aligned; those of a typed array must be.
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return copyOut(values.data(), values.size());
}

bool isA(const val& value, const char* constructor) { return value.instanceof (val::global(constructor)); }

bool isPresent(const val& value) { return !value.isUndefined() && !value.isNull(); }

Error wrongInput(const char* where, const char* expected) { return mismatch(ErrorCode::kWrongType, where, "another value", expected); }

// Reads {dims: number[], data} and checks that dims count the elements of data.
Result<Shape> readDims(const val& tensor, const char* where) {
  const val dims = tensor["dims"], data = tensor["data"];
  if (!isPresent(dims) || !isPresent(data)) return wrongInput(where, "{dims, data}");
  Shape shape;
  const auto rank = dims["length"].as<unsigned>();
  constexpr unsigned kMaxDims = 8;
  if (rank > kMaxDims) return mismatch(ErrorCode::kWrongShape, where, std::to_string(rank) + " dims", "at most 8");
  for (unsigned i = 0; i < rank; ++i) {
    const double size = dims[i].as<double>();
    constexpr double kMax = 4294967296.0;
    if (!(size >= 0 && size <= kMax) || size != static_cast<double>(static_cast<int64_t>(size)))
      return mismatch(ErrorCode::kWrongShape, where, "a size of " + std::to_string(size), "integers of at least 0");
    shape.push_back(static_cast<int64_t>(size));
  }
  const auto length = static_cast<int64_t>(data["length"].as<double>());
  if (elementCount(shape) != length)
    return mismatch(ErrorCode::kWrongShape, where, std::to_string(length) + " values", "as many as dims " + toString(shape) + " hold");
  return shape;
}

template <typename T>
std::vector<T> copyIn(const val& typed_array) {
  std::vector<T> values(typed_array["length"].as<unsigned>());
  val(emscripten::typed_memory_view(values.size(), values.data())).call<void>("set", typed_array);
  return values;
}

Result<Labels> readLabels(const val& tensor, const char* where) {
  Labels labels;
  if (isA(tensor["data"], "Int32Array")) labels.values = copyIn<int32_t>(tensor["data"]);
  else if (isA(tensor["data"], "Float32Array")) labels.values = copyIn<float>(tensor["data"]);
  else return wrongInput(where, "{dims, data: Int32Array or Float32Array}");
  BEIT_ASSIGN(labels.shape, readDims(tensor, where));
  return labels;
}

// Appends a text of UTF-8 as JSON has it.
void appendQuoted(std::string& json, std::string_view text) {
  json += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      (json += '\\') += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      json += "\\u00";
      (json += kDigits[static_cast<size_t>(c >> 4)]) += kDigits[static_cast<size_t>(c & 15)];
    } else {
      json += c;
    }
  }
  json += '"';
}

// A config's labels cross as one text: one by one, 1,000 of them take as long as the rest of reading a config. Each is a property of its
// own, whatever it is called ("__proto__", too).
val parsed(const std::string& json) { return val::global("JSON").call<val>("parse", json); }

val labelsToJs(const std::vector<std::string>& labels) {
  std::string json = "[";
  for (const std::string& label : labels) {
    if (json.size() > 1) json += ',';
    appendQuoted(json, label);
  }
  return parsed(json += ']');
}

val idsToJs(const std::vector<std::pair<std::string, int64_t>>& ids) {
  std::string json = "{";
  for (const auto& [label, id] : ids) {
    if (json.size() > 1) json += ',';
    appendQuoted(json, label);
    (json += ':') += std::to_string(id);
  }
  return parsed(json += '}');
}

template <typename T>
struct Choice {
  std::string_view name;
  T value;
};
constexpr std::array kDTypes{Choice{"f32", WeightType::kFloat32}, Choice{"int8", WeightType::kInt8}};
constexpr std::array kOutIndicesRules{Choice{"reference", OutIndicesRule::kTransformers}, Choice{"original", OutIndicesRule::kUnilm}};
constexpr std::array kBiasResizes{Choice{"reference", RelativePositionBiasResize::kTransformers},
                                  Choice{"timm", RelativePositionBiasResize::kTimm}, Choice{"unilm", RelativePositionBiasResize::kUnilm}};

// Reads an option that is one of some words; `to` stays where it is undefined.
template <typename T, size_t N>
Status readChoice(const val& options, const char* name, const std::array<Choice<T>, N>& choices, T& to) {
  const val word = options[name];
  if (!isPresent(word)) return {};
  const std::string got = word.isString() ? word.as<std::string>() : "another value";
  std::string names;
  for (const auto& choice : choices) {
    if (got == choice.name) {
      to = choice.value;
      return {};
    }
    names += (names.empty() ? "" : ", ") + std::string(choice.name);
  }
  return mismatch(ErrorCode::kInvalidArgument, name, "\"" + got + "\"", "one of " + names);
}

}  // namespace

void NamedValues::add(const std::string& name, val value) {
  val pair = val::array();
  pair.set(0, name);
  pair.set(1, std::move(value));
  pairs_.set(count_++, std::move(pair));
}

val NamedValues::object() const { return val::global("Object").call<val>("fromEntries", pairs_); }

val success(val value) {
  val outcome = val::object();
  outcome.set("ok", true);
  outcome.set("value", std::move(value));
  return outcome;
}

val success() { return success(val::null()); }

val failed(const Error& error) {
  val details = val::object();
  details.set("code", std::string(codeName(error.code)));
  details.set("message", error.message);
  details.set("where", error.where);
  details.set("got", error.got);
  details.set("expected", error.expected);
  if (error.bytes > 0) details.set("needed", static_cast<double>(error.bytes));
  val outcome = val::object();
  outcome.set("ok", false);
  outcome.set("error", details);
  return outcome;
}

// What failed() gives, of literals: they cross without a std::string, for which there may be no memory either.
static val failedAllocation() {
  val details = val::object();
  details.set("code", "out-of-memory");
  details.set("message", "WebAssembly memory: an allocation failed.");
  details.set("where", "WebAssembly memory");
  details.set("got", "");
  details.set("expected", "");
  val outcome = val::object();
  outcome.set("ok", false);
  outcome.set("error", details);
  return outcome;
}

val failedByException() {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return failedAllocation();
  } catch (const std::length_error&) {
    return failed(failure(ErrorCode::kOutOfMemory, "WebAssembly memory", "a size is beyond what memory can hold"));
  } catch (const std::exception& thrown) {
    return failed(failure(ErrorCode::kInternal, "WebAssembly", std::string("an exception: ") + thrown.what()));
  }
}

val toJs(const Shape& shape) {
  val array = val::array();
  for (size_t i = 0; i < shape.size(); ++i) array.set(i, static_cast<double>(shape[i]));
  return array;
}

val toJs(Size size) {
  val object = val::object();
  object.set("height", static_cast<double>(size.height));
  object.set("width", static_cast<double>(size.width));
  return object;
}

val toJs(const Tensor& tensor) {
  val object = val::object();
  object.set("dims", toJs(tensor.shape));
  object.set("data", copyOut(tensor.values.data(), tensor.values.size()));
  return object;
}

val toJs(const std::vector<std::string>& texts) {
  val array = val::array();
  for (size_t i = 0; i < texts.size(); ++i) array.set(i, texts[i]);
  return array;
}

val toJs(const BeitConfig& config) {
  val object = val::object();
  const auto number = [&](const char* name, auto value) { object.set(name, static_cast<double>(value)); };
  object.set("modelType", config.model_type);
  object.set("architectures", toJs(config.architectures));
  number("vocabSize", config.vocab_size);
  number("hiddenSize", config.hidden_size);
  number("numHiddenLayers", config.num_hidden_layers);
  number("numAttentionHeads", config.num_attention_heads);
  number("intermediateSize", config.intermediate_size);
  object.set("hiddenAct", std::string(toString(config.hidden_act)));
  number("hiddenDropoutProb", config.hidden_dropout_prob);
  number("attentionProbsDropoutProb", config.attention_probs_dropout_prob);
  number("dropPathRate", config.drop_path_rate);
  number("initializerRange", config.initializer_range);
  number("layerNormEps", config.layer_norm_eps);
  object.set("imageSize", toJs(config.image_size));
  object.set("patchSize", toJs(config.patch_size));
  number("numChannels", config.num_channels);
  object.set("useMaskToken", config.use_mask_token);
  object.set("useAbsolutePositionEmbeddings", config.use_absolute_position_embeddings);
  object.set("useRelativePositionBias", config.use_relative_position_bias);
  object.set("useSharedRelativePositionBias", config.use_shared_relative_position_bias);
  number("layerScaleInitValue", config.layer_scale_init_value);
  object.set("useMeanPooling", config.use_mean_pooling);
  object.set("outIndices", toJs(config.out_indices));
  object.set("outFeatures", toJs(config.out_features));
  object.set("stageNames", toJs(config.stage_names()));
  object.set("addFpn", config.add_fpn);
  object.set("reshapeHiddenStates", config.reshape_hidden_states);
  object.set("poolScales", toJs(config.pool_scales));
  object.set("useAuxiliaryHead", config.use_auxiliary_head);
  number("auxiliaryLossWeight", config.auxiliary_loss_weight);
  number("auxiliaryChannels", config.auxiliary_channels);
  number("auxiliaryNumConvs", config.auxiliary_num_convs);
  object.set("auxiliaryConcatInput", config.auxiliary_concat_input);
  number("semanticLossIgnoreIndex", config.semantic_loss_ignore_index);
  number("numLabels", config.num_labels);
  object.set("id2label", labelsToJs(config.id2label));
  object.set("label2id", idsToJs(config.label2id));
  object.set("problemType", config.problem_type ? val(std::string(toString(*config.problem_type))) : val::null());
  object.set("unknownFields", toJs(config.unknown_fields));
  return object;
}

val toJs(const BeitImageProcessorConfig& config) {
  val object = val::object();
  object.set("doResize", config.do_resize);
  val size = config.shortest_edge ? val::object() : toJs(config.size);
  if (config.shortest_edge) size.set("shortestEdge", static_cast<double>(config.shortest_edge));
  object.set("size", size);
  object.set("resample", static_cast<int>(config.resample));
  object.set("doCenterCrop", config.do_center_crop);
  object.set("cropSize", toJs(config.crop_size));
  object.set("doRescale", config.do_rescale);
  object.set("rescaleFactor", config.rescale_factor);
  object.set("doNormalize", config.do_normalize);
  object.set("imageMean", val::array(config.image_mean));
  object.set("imageStd", val::array(config.image_std));
  object.set("doReduceLabels", config.do_reduce_labels);
  object.set("imageProcessorType", config.image_processor_type);
  object.set("featureExtractorType", config.feature_extractor_type);
  object.set("unknownFields", toJs(config.unknown_fields));
  return object;
}

val toJs(const BindReport& report) {
  val object = val::object();
  object.set("dialect", report.dialect);
  object.set("container", report.container);
  object.set("averaged", report.averaged);
  object.set("missing", toJs(report.missing));
  object.set("wrong", toJs(report.wrong));
  object.set("unexpected", toJs(report.unexpected));
  object.set("skipped", toJs(report.skipped));
  object.set("fillBytes", static_cast<double>(report.fill_bytes));
  return object;
}

val toJs(const Image8& image) {
  val object = val::object();
  object.set("width", static_cast<double>(image.width));
  object.set("height", static_cast<double>(image.height));
  object.set("channels", static_cast<double>(image.channels));
  object.set("data", copyOut(image.data.data(), image.data.size()));
  return object;
}

val toJs(const TensorEntry& entry, const std::string& file) {
  val object = val::object();
  object.set("name", entry.name);
  object.set("dtype", std::string(entry.type()));
  object.set("shape", toJs(entry.shape));
  object.set("file", file);
  object.set("offset", static_cast<double>(entry.offset));
  object.set("bytes", static_cast<double>(entry.bytes));
  return object;
}

val elementsToJs(DType dtype, std::span<const uint8_t> bytes) {
  switch (dtype) {
    case DType::kF64: return copyElements<double>(bytes);
    case DType::kF32: return copyElements<float>(bytes);
    case DType::kF16:
    case DType::kBF16: {
      std::vector<float> values(bytes.size() / 2);
      convertElements(dtype, bytes, values.data());
      return copyOut(values.data(), values.size());
    }
    case DType::kI64: return copyElements<int64_t>(bytes);
    case DType::kU64: return copyElements<uint64_t>(bytes);
    case DType::kI32: return copyElements<int32_t>(bytes);
    case DType::kU32: return copyElements<uint32_t>(bytes);
    case DType::kI16: return copyElements<int16_t>(bytes);
    case DType::kU16: return copyElements<uint16_t>(bytes);
    case DType::kI8: return copyElements<int8_t>(bytes);
    case DType::kU8:
    case DType::kBool: return copyElements<uint8_t>(bytes);
  }
  return val::null();
}

val toJs(const SegmentationMap& map) {
  val object = toJs(map.size);
  object.set("labels", copyOut(map.labels.data(), map.labels.size()));
  object.set("counts", copyOut(map.counts.data(), map.counts.size()));
  object.set("scores", map.scores.empty() ? val::null() : copyOut(map.scores.data(), map.scores.size()));
  object.set("overlay", map.overlay.empty() ? val::null() : copyOut(map.overlay.data(), map.overlay.size()));
  return object;
}

Result<Tensor> tensorFromJs(const val& tensor, const char* where) {
  if (!isPresent(tensor) || !isA(tensor["data"], "Float32Array")) return wrongInput(where, "{dims, data: Float32Array}");
  BEIT_ASSIGN(const Shape shape, readDims(tensor, where));
  BEIT_ASSIGN(Tensor copy, Tensor::allocate(shape, where));
  val(emscripten::typed_memory_view(copy.values.size(), copy.values.data())).call<void>("set", tensor["data"]);
  return copy;
}

Result<std::vector<uint32_t>> paletteFromJs(const val& palette) {
  if (!isPresent(palette)) return std::vector<uint32_t>();
  if (!isA(palette, "Uint32Array")) return wrongInput("palette", "Uint32Array");
  return copyIn<uint32_t>(palette);
}

Result<ForwardInputs> forwardInputs(val inputs) {
  ForwardInputs result;
  const val tokens = inputs["tokens"];
  if (isPresent(tokens)) {
    BEIT_ASSIGN(result.tokens, readLabels(tokens, "tokens"));
    return result;
  }
  BEIT_ASSIGN(result.pixel_values, tensorFromJs(inputs["pixelValues"], "pixelValues"));

  const val mask = inputs["boolMaskedPos"];
  if (isPresent(mask)) {
    if (!isA(mask["data"], "Uint8Array")) return wrongInput("boolMaskedPos", "{dims, data: Uint8Array}");
    BEIT_ASSIGN(result.mask_shape, readDims(mask, "boolMaskedPos"));
    result.bool_masked_pos = copyIn<uint8_t>(mask["data"]);
  }
  const val labels = inputs["labels"];
  if (isPresent(labels)) {
    BEIT_ASSIGN(result.labels, readLabels(labels, "labels"));
  }
  return result;
}

Result<ModelOptions> modelOptions(val options) {
  ModelOptions result;
  if (!isPresent(options)) return result;
  result.add_pooling_layer = !options["addPoolingLayer"].isFalse();
  result.auxiliary_head = !options["auxiliaryHead"].isFalse();
  BEIT_TRY(readChoice(options, "dtype", kDTypes, result.dtype));
  BEIT_TRY(readChoice(options, "taps", kOutIndicesRules, result.out_indices_rule));
  BEIT_TRY(readChoice(options, "relativePositionBiasResize", kBiasResizes, result.relative_position_bias_resize));
  const val epsilon = options["layerNormEps"];
  if (isPresent(epsilon)) {
    if (!epsilon.isNumber()) return mismatch(ErrorCode::kInvalidArgument, "layerNormEps", "another value", "a number from 0 to 1");
    result.layer_norm_eps = epsilon.as<double>();
  }
  return result;
}

ForwardOptions forwardOptions(val options) {
  ForwardOptions result;
  if (!isPresent(options)) return result;
  result.output_hidden_states = options["outputHiddenStates"].isTrue();
  result.output_attentions = options["outputAttentions"].isTrue();
  result.output_pooled_states = options["outputPooledStates"].isTrue();
  result.interpolate_pos_encoding = !options["interpolatePosEncoding"].isFalse();
  return result;
}

}  // namespace beit::js
