#include "tests/fuzz/targets.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "src/beit/config.h"
#ifdef BEIT_DECODERS
#include "src/avif/avif.h"
#include "src/codecs/codecs.h"
#endif
#include "src/image/image_decode.h"
#include "src/image/image_processor.h"
#include "src/image/image_processor_config.h"
#include "weights/reading/checkpoint.h"
#include "weights/reading/compressed_tensors.h"
#include "weights/reading/containers/pickle.h"
#include "weights/reading/containers/pickle_opcodes.h"
#include "weights/reading/containers/torch_pickle.h"
#include "weights/reading/shard_index.h"

namespace beit::fuzz {

namespace {

// Checks what filling a tensor relies on.
const char* checkEntry(const TensorEntry& entry, std::optional<int64_t> size) {
  const auto count = elementCount(entry.shape);
  if (entry.offset < 0 || entry.bytes < 0 || !count) return "an entry that cannot be";
  if (size && (entry.offset > *size || entry.bytes > *size - entry.offset)) return "an entry outside of its file";
  if (!entry.other_type.empty()) return nullptr;  // of elements whose size nobody knows: never filled
  const int64_t spanned = entry.bytes / elementSize(entry.dtype);
  if (*count > spanned) return "more elements than bytes for them";
  if (entry.strides.empty()) return nullptr;
  if (entry.strides.size() != entry.shape.size()) return "strides of another number of axes";
  int64_t last = 0;
  for (size_t axis = 0; axis < entry.strides.size(); ++axis) last += (entry.shape[axis] - 1) * entry.strides[axis];
  return last < spanned ? nullptr : "strides that reach past the last element";
}

// Gives the checkpoint what it wants of one stage. Returns a promise that it broke; `complete` tells whether
// the stage was read to its end.
const char* feed(Checkpoint& checkpoint, std::span<const uint8_t> bytes, size_t piece, bool& complete) {
  const auto size = static_cast<int64_t>(bytes.size());
  complete = false;
  while (const auto read = checkpoint.next()) {
    if (read->offset < 0 || read->length <= 0) return "a wish for nothing";
    if (read->offset > size || read->length > size - read->offset) return checkpoint.ended().ok() ? "an end that is no error" : nullptr;
    const auto range = bytes.subspan(static_cast<size_t>(read->offset), static_cast<size_t>(read->length));
    for (size_t at = 0; at < range.size(); at += piece)
      if (!checkpoint.supply(range.subspan(at, std::min(piece, range.size() - at))).ok()) return nullptr;
  }
  complete = true;
  return nullptr;
}

// Fills parameters of the names and shapes that the file itself has, every other of which takes integers.
const char* fillCheckpoint(Checkpoint& checkpoint, std::span<const uint8_t> bytes, size_t piece) {
  constexpr int64_t kMaxElements = 1 << 16, kMaxBytes = 1 << 20;  // what a small input may make us allocate
  const auto dialect = detectDialect(checkpoint.entries());
  if (!dialect) return nullptr;
  const char* broken = nullptr;
  ParameterList parameters;
  for (const TensorEntry& entry : checkpoint.entries()) {
    const auto all = candidates(*dialect, entry.name);
    if (all.empty() || ScaleIndex::matrixOf(entry.name) || entry.bytes > kMaxBytes) continue;
    for (const beit::ParameterShare& target : all.front()) {
      Shape shape = entry.shape;
      if (!shape.empty()) shape[0] /= target.parts;
      const auto count = elementCount(shape);
      if (!count || *count < 1 || *count > kMaxElements || parameters.find(target.parameter)) continue;
      const auto elements = static_cast<size_t>(*count);
      Parameter& parameter = parameters.add(target.parameter, shape, [elements, &broken](std::span<float> values) -> Status {
        if (values.size() != elements) broken = "another number of values than the shape says";
        return {};
      });
      if (parameters.all().size() % 2 == 0) continue;
      const auto rows = shape.empty() ? size_t{1} : static_cast<size_t>(shape[0]);
      parameter.receive_quantized = [elements, rows, &broken](QuantizedValues matrix) -> Status {
        if (matrix.values.size() != elements || matrix.scales.size() != rows) broken = "another number of integers or scales";
        for (const float scale : matrix.scales)
          if (!(scale > 0.0f && scale <= std::numeric_limits<float>::max())) broken = "a scale that is no number above 0";
        return {};
      };
    }
  }
  bool complete = false;
  if (const auto report = checkpoint.bind(parameters); !report.ok())
    return report.error().message.empty() ? "an error without a sentence" : nullptr;
  if (const char* wish = feed(checkpoint, bytes, piece, complete)) return wish;
  if (complete && !parameters.complete().ok()) return "a parameter that was bound and never came";
  return broken;
}

const char* readWhole(std::span<const uint8_t> bytes, size_t piece, bool size_known) {
  const auto size = static_cast<int64_t>(bytes.size());
  Checkpoint checkpoint;
  if (!checkpoint.addFile("fuzz", size_known ? std::optional(size) : std::nullopt).ok()) return "a file that cannot be added";
  bool complete = false;
  if (const char* broken = feed(checkpoint, bytes, piece, complete)) return broken;
  if (!complete) return nullptr;
  for (const TensorEntry& entry : checkpoint.entries())
    if (const char* broken = checkEntry(entry, size_known ? std::optional(size) : std::nullopt)) return broken;
  return fillCheckpoint(checkpoint, bytes, piece);
}

}  // namespace

const char* readCheckpoint(std::span<const uint8_t> bytes) {
  // A size of pieces that the input decides, so that one input always does the same.
  if (const char* broken = readWhole(bytes, 1 + bytes.size() % 37, true)) return broken;
  return readWhole(bytes, 4096, false);
}

const char* readPickle(std::span<const uint8_t> bytes) {
  const auto pickle = Pickle::parse({bytes.begin(), bytes.end()}, "fuzz", isTorchGlobal);
  if (!pickle.ok()) return nullptr;
  PickleExtent extent;
  const auto missing = extent.missing(bytes, "fuzz");
  if (!missing.ok() || *missing != 0 || extent.length() > bytes.size()) return "a pickle that was read and has no end";
  for (const PickleValue persistent : pickle->persistents())
    if (const auto storage = readTorchStorage(persistent, "fuzz"); storage.ok() && storage->count < 0) return "a storage that cannot be";
  const auto tensors = readTorchTensors(*pickle, "fuzz");
  if (!tensors.ok()) return nullptr;
  for (const TorchTensor& tensor : *tensors)
    if (tensor.offset < 0 || tensor.count < 0 || tensor.offset > tensor.storage.count - tensor.count)
      return "a tensor outside of its storage";
  return nullptr;
}

const char* readConfig(std::span<const uint8_t> bytes) {
  const std::string_view text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  for (const auto& message : {parseConfig(text).ok() ? "ok" : parseConfig(text).error().message,
                              parseImageProcessorConfig(text).ok() ? "ok" : parseImageProcessorConfig(text).error().message,
                              parseShardIndex(text).ok() ? "ok" : parseShardIndex(text).error().message})
    if (message.empty()) return "an error without a sentence";
  return nullptr;
}

namespace {

const char* check(const Result<Image8>& image) {
  if (!image.ok()) return image.error().message.empty() ? "an error without a sentence" : nullptr;
  return image->view().check("the picture").ok() ? nullptr : "a picture of other samples than its size tells";
}

}  // namespace

const char* readImage(std::span<const uint8_t> bytes) {
  const Result<Image8> image = decodeImage(bytes);
  if (const char* broken = check(image)) return broken;
  // Two sides, so that rows and columns are not taken for each other; one grows and one shrinks for most pictures.
  static const auto processor = BeitImageProcessor::parse(R"({"size": {"height": 7, "width": 40}, "do_center_crop": false})");
  const auto prepared = processor->preprocessFile(bytes);
  if (!image.ok()) return prepared.ok() ? "pixel values of a file that is not read" : nullptr;
  const auto expected = processor->preprocess(image->view());
  if (prepared.ok() != expected.ok()) return "a file and its picture, of which one only can be prepared";
  if (!prepared.ok()) return prepared.error().message.empty() ? "an error without a sentence" : nullptr;
  return prepared->pixel_values.shape == expected->shape &&
                 std::ranges::equal(prepared->pixel_values.values.span(), expected->values.span())
             ? nullptr
             : "pixel values of a file that differ from those of its picture";
}
#ifdef BEIT_DECODERS
const char* readCodecs(std::span<const uint8_t> bytes) { return check(codecs::decode(bytes)); }
const char* readAvif(std::span<const uint8_t> bytes) { return check(avif::decode(bytes)); }
#endif

}  // namespace beit::fuzz
