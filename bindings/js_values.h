// Between JavaScript's values and the library's. What a call returns follows web/core/core.ts: an Outcome
// {ok: true, value} or {ok: false, error}.
#pragma once

#include "bindings/emscripten_bind.h"

#include <string>
#include <utility>
#include <vector>

#include "src/base/result.h"
#include "src/base/tensor.h"
#include "src/beit/config.h"
#include "src/beit/model_options.h"
#include "src/beit/segmentation/segmentation_map.h"
#include "src/image/image.h"
#include "src/image/image_processor_config.h"
#include "src/model/forward.h"
#include "src/model/model.h"
#include "weights/reading/checkpoint.h"

namespace beit::js {

using emscripten::val;

// An object whose keys stand in a file: whatever they are called ("__proto__", too), each is a property of its own.
class NamedValues {
 public:
  void add(const std::string& name, val value);
  val object() const;

 private:
  val pairs_ = val::array();
  unsigned count_ = 0;
};

val success(val value);
val success();  // value: null
val failed(const Error& error);

// A copy outside of the wasm memory: {dims, data: Float32Array}.
val toJs(const Tensor& tensor);
val toJs(const Shape& shape);
val toJs(Size size);  // {height, width}
val toJs(const std::vector<std::string>& texts);
val toJs(const BeitConfig& config);
val toJs(const BeitImageProcessorConfig& config);
val toJs(const BindReport& report);
val toJs(const Image8& image);
// {name, dtype, shape, file, offset, bytes}
val toJs(const TensorEntry& entry, const std::string& file);
// A typed array of the element type, copied out; F16 and BF16 as Float32Array.
val elementsToJs(DType dtype, std::span<const uint8_t> bytes);
// A copy of `count` elements as the typed array that T has in JavaScript.
template <typename T>
val copyOut(const T* data, size_t count) {
  return val(emscripten::typed_memory_view(count, data)).template call<val>("slice");
}

// {height, width, labels: Uint16Array, counts: Uint32Array, scores: Float32Array or null, overlay: Uint32Array or null}
val toJs(const SegmentationMap& map);

// Returns a copy of {dims, data: Float32Array}. Errors: kWrongType, kWrongShape, kOutOfMemory.
Result<Tensor> tensorFromJs(const val& tensor, const char* where);

// Returns a copy of a Uint32Array, empty for null. Errors: kWrongType.
Result<std::vector<uint32_t>> paletteFromJs(const val& palette);

// Inputs of a forward pass. Errors: kWrongType, kWrongShape for values that are not what
// CoreForwardInputs says, kOutOfMemory.
Result<ForwardInputs> forwardInputs(val inputs);
ForwardOptions forwardOptions(val options);
// What is undefined keeps its default. Errors: kInvalidArgument for a value that an option cannot have.
Result<ModelOptions> modelOptions(val options);

// Returns the Outcome of the exception that is being handled: out-of-memory, or internal for any other of the standard
// library's. One function, since each type that a guarded() call caught by itself would cost bytes in every one.
val failedByException();

// Returns what `call` returns (an Outcome), and what it throws as an Outcome too, a failed allocation above all:
// nothing that the library does may throw into JavaScript.
template <typename Call>
val guarded(Call&& call) {
  try {
    return call();
  } catch (...) {
    return failedByException();
  }
}

// Returns the Outcome of a Result whose value `convert` turns into a JavaScript value.
template <typename T, typename Convert>
val outcome(Result<T> result, Convert&& convert) {
  if (!result.ok()) return failed(result.error());
  return success(convert(std::move(result).value()));
}

inline val outcome(const Status& status) { return status.ok() ? success() : failed(status.error()); }

}  // namespace beit::js
