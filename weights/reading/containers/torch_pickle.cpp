#include "weights/reading/containers/torch_pickle.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "weights/reading/containers/pickle_text.h"

namespace beit {

namespace {

using Kind = PickleKind;

constexpr std::pair<std::string_view, DType> kStorages[] = {
    {"torch.FloatStorage", DType::kF32},      {"torch.HalfStorage", DType::kF16}, {"torch.BFloat16Storage", DType::kBF16},
    {"torch.DoubleStorage", DType::kF64},     {"torch.LongStorage", DType::kI64}, {"torch.IntStorage", DType::kI32},
    {"torch.ShortStorage", DType::kI16},      {"torch.CharStorage", DType::kI8},  {"torch.ByteStorage", DType::kU8},
    {"torch.BoolStorage", DType::kBool},
};

constexpr std::string_view kTensor = "torch._utils._rebuild_tensor_v2", kOldTensor = "torch._utils._rebuild_tensor",
                           kParameter = "torch._utils._rebuild_parameter",
                           kParameterWithState = "torch._utils._rebuild_parameter_with_state";

constexpr std::string_view kPlain[] = {
    "collections.OrderedDict", "torch.Size", "torch.device", "torch.nn.parameter.Parameter",
    // element types
    "torch.float16", "torch.float32", "torch.float64", "torch.bfloat16", "torch.int8", "torch.int16", "torch.int32",
    "torch.int64", "torch.uint8", "torch.bool",
    // arguments and results of training runs
    "argparse.Namespace", "pathlib.PosixPath", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct", "numpy.dtype", "numpy.ndarray",
    "_codecs.encode", "__builtin__.set", "builtins.set", "__builtin__.frozenset", "builtins.frozenset",
    "__builtin__.object", "builtins.object", "copy_reg._reconstructor", "copyreg._reconstructor",
    "functools.partial",
};

bool isIdentifiers(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  }) && text.find("__") == std::string_view::npos;  // nothing of Python's machinery
}

constexpr std::string_view kModulePrefixes[] = {"torch.nn.modules.", "torch.nn.functional.", "dall_e."};

// A dict, or a module's state.
PickleValue dictOf(PickleValue value) {
  if (value.is(Kind::kObject)) value = value.state();
  return value.is(Kind::kDict) ? value : PickleValue();
}

bool isTensor(PickleValue value) {
  return value.isCallOf(kTensor) || value.isCallOf(kOldTensor) || value.isCallOf(kParameter) || value.isCallOf(kParameterWithState);
}

// Returns the sizes or strides in a tuple or a torch.Size, or nothing when they are none.
std::optional<std::vector<int64_t>> readInts(PickleValue value) {
  if (value.isCallOf("torch.Size")) value = value.arguments().item(0);
  constexpr size_t kMaxAxes = 64;  // PyTorch's own limit
  if (!value.is(Kind::kTuple) || value.size() > kMaxAxes) return std::nullopt;
  std::vector<int64_t> ints;
  for (size_t i = 0; i < value.size(); ++i) {
    const auto number = value.item(i).asInt();
    if (!number || *number < 0) return std::nullopt;
    ints.push_back(*number);
  }
  return ints;
}

bool isRowMajor(const Shape& shape, const std::vector<int64_t>& strides) {
  int64_t expected = 1;
  for (size_t axis = shape.size(); axis-- > 0;) {
    if (shape[axis] != 1 && strides[axis] != expected) return false;
    expected *= shape[axis];
  }
  return true;
}

Result<TorchTensor> readTensor(PickleValue value, std::string name, const std::string& file) {
  const std::string where = file + ", tensor " + printable(name);
  const auto malformed = [&](std::string got, std::string expected) {
    return mismatch(ErrorCode::kMalformed, where, std::move(got), std::move(expected));
  };
  for (int wrapped = 0; value.isCallOf(kParameter) || value.isCallOf(kParameterWithState); ++wrapped) {
    if (wrapped == 2) return malformed("a parameter in a parameter", "a tensor in it");
    value = value.arguments().item(0);
  }
  if (!value.isCallOf(kTensor) && !value.isCallOf(kOldTensor)) return malformed("a parameter without a tensor", "one");
  TorchTensor tensor{.name = std::move(name), .storage = {}, .shape = {}, .strides = {}};
  const PickleValue arguments = value.arguments();
  BEIT_ASSIGN(tensor.storage, readTorchStorage(arguments.item(0), where));
  const auto offset = arguments.item(1).asInt();
  const auto shape = readInts(arguments.item(2)), strides = readInts(arguments.item(3));
  if (!offset || *offset < 0 || !shape || !strides || shape->size() != strides->size())
    return malformed("arguments of _rebuild_tensor that are none", "a storage, an offset, a size and a stride");
  const auto elements = elementCount(*shape);
  if (!elements) return malformed("shape " + toString(*shape), "a number of elements that can be counted");
  tensor.shape = *shape;
  const int64_t room = tensor.storage.view_count;
  if (*elements > 0) {
    if (*offset >= room) return malformed("an offset of " + std::to_string(*offset), "one in a storage of " + std::to_string(room));
    int64_t last = *offset;
    for (size_t axis = 0; axis < shape->size(); ++axis) {
      const int64_t steps = (*shape)[axis] - 1, stride = (*strides)[axis];
      if (steps > 0 && stride > (room - 1 - last) / steps)
        return malformed("shape " + toString(*shape) + " with strides " + toString(*strides) + " from " + std::to_string(*offset),
                         "what lies in a storage of " + std::to_string(room) + " elements");
      last += steps * stride;
    }
    tensor.count = last - *offset + 1;
    if (*elements > tensor.count)
      return mismatch(ErrorCode::kUnsupported, where, "a view that repeats its elements (strides " + toString(*strides) + ")",
                      "a tensor with elements of its own");
    if (!isRowMajor(*shape, *strides)) {
      tensor.strides = *strides;
      // An axis of one element may carry any stride; nobody may add it up.
      for (size_t axis = 0; axis < shape->size(); ++axis)
        if ((*shape)[axis] == 1) tensor.strides[axis] = 0;
    }
    tensor.offset = *offset + tensor.storage.view_offset;
  }
  return tensor;
}

// Walks dicts and modules with a stack of its own: the tree is as deep, and as often referred to, as
// its author liked.
class Walker {
 public:
  explicit Walker(const std::string& where) : where_(where) {}

  Result<std::vector<TorchTensor>> walk(PickleValue root) {
    if (isTensor(root)) return mismatch(ErrorCode::kUnsupported, where_, "a single tensor without a name", "a state dict");
    std::vector<Place> open{{root, {}, 0}};
    while (!open.empty()) {
      const Place place = std::move(open.back());
      open.pop_back();
      std::vector<Place> inside;
      BEIT_TRY(visit(place, inside));
      std::move(inside.rbegin(), inside.rend(), std::back_inserter(open));  // so that the first is next
    }
    return std::move(tensors_);
  }

 private:
  struct Place {
    PickleValue value;
    std::string prefix;  // empty, or with a dot at its end
    int depth = 0;
  };
  static constexpr int kMaxDepth = 64;
  // A dict that stands in itself many times has more places than bytes.
  static constexpr size_t kMaxVisits = 20'000'000;
  static constexpr size_t kMaxMemory = size_t{256} << 20, kMemoryEach = 256;
  static constexpr size_t kMaxNameBytes = 4096;

  Status visit(const Place& place, std::vector<Place>& inside) {
    const PickleValue dict = dictOf(place.value);
    if (!place.value.is(Kind::kObject)) return visitItems(dict, place, inside);
    visits_ += 3 * dict.size();  // what looking for the three takes
    for (const std::string_view part : {"_parameters", "_buffers", "_modules"})
      BEIT_TRY(visitItems(dictOf(dict.find(part)), place, inside));
    return {};
  }

  Status visitItems(PickleValue dict, const Place& place, std::vector<Place>& inside) {
    for (size_t i = 0; i < dict.size(); ++i) {
      const PickleValue key = dict.key(i), value = dict.value(i);
      if (++visits_ > kMaxVisits) return tooMany();
      const bool tensor = isTensor(value);
      if (!tensor && !dictOf(value).exists()) continue;
      std::string name = place.prefix;
      if (key.is(Kind::kString)) name += key.text();
      else if (const auto number = key.asInt()) name += std::to_string(*number);
      else continue;
      if ((memory_ += name.size() + kMemoryEach) > kMaxMemory) return tooMany();
      if (name.size() > kMaxNameBytes || !isUtf8(name))
        return mismatch(ErrorCode::kMalformed, where_, "a tensor called " + printable(name), "a name of UTF-8 text");
      if (tensor) {
        BEIT_ASSIGN(TorchTensor read, readTensor(value, std::move(name), where_));
        tensors_.push_back(std::move(read));
      } else if (place.depth == kMaxDepth) {
        return mismatch(ErrorCode::kUnsupported, where_, "dicts more than " + std::to_string(kMaxDepth) + " deep", "fewer");
      } else {
        inside.push_back({value, name + ".", place.depth + 1});
      }
    }
    return {};
  }

  Error tooMany() const {
    return mismatch(ErrorCode::kUnsupported, where_, "more dicts and tensors than any model has",
                    "at most " + std::to_string(kMaxMemory / kMemoryEach));
  }

  const std::string& where_;
  std::vector<TorchTensor> tensors_;
  size_t visits_ = 0;
  size_t memory_ = 0;  // of names and places, about
};

bool holdsTensors(PickleValue dict) {
  for (size_t i = 0; i < dict.size(); ++i)
    if (isTensor(dict.value(i))) return true;
  return false;
}

// Returns the state dict in what a training script saved.
PickleValue unwrapped(PickleValue value) {
  constexpr int kMaxWrappers = 4;
  for (int i = 0; i < kMaxWrappers && value.is(Kind::kDict) && !holdsTensors(value); ++i) {
    PickleValue inner;
    for (const std::string_view name : {"state_dict", "model", "module"})
      if (!dictOf(inner).exists()) inner = value.find(name);
    if (!dictOf(inner).exists()) break;
    value = inner;
  }
  return value;
}

}  // namespace

bool isTorchGlobal(std::string_view global) {
  if (global == kTensor || global == kOldTensor || global == kParameter || global == kParameterWithState) return true;
  for (const auto& [name, dtype] : kStorages)
    if (name == global) return true;
  if (std::find(std::begin(kPlain), std::end(kPlain), global) != std::end(kPlain)) return true;
  for (const std::string_view prefix : kModulePrefixes)
    if (global.starts_with(prefix) && isIdentifiers(global)) return true;
  return false;
}

Result<TorchStorage> readTorchStorage(PickleValue persistent, const std::string& where) {
  const PickleValue id = persistent.item(0);
  const PickleValue kind = id.item(1), key = id.item(2), count = id.item(4), view = id.item(5);
  if (!persistent.is(Kind::kPersistent) || !id.is(Kind::kTuple) || id.item(0).text() != "storage" ||
      !kind.is(Kind::kGlobal) || !key.is(Kind::kString) || !count.asInt())
    return mismatch(ErrorCode::kMalformed, where, "a storage that is none", "\"storage\", its type, key, place and size");
  const auto known = std::find_if(std::begin(kStorages), std::end(kStorages), [&](const auto& s) { return s.first == kind.text(); });
  if (known == std::end(kStorages))
    return mismatch(ErrorCode::kUnsupported, where, "a storage of type " + printable(kind.text()), "one of numbers");
  TorchStorage storage{.key = key.text(), .dtype = known->second, .count = *count.asInt()};
  constexpr int64_t kMax = int64_t{1} << 48;  // far from where sums overflow
  if (storage.count < 0 || storage.count > kMax)
    return mismatch(ErrorCode::kMalformed, where, "a storage of " + std::to_string(storage.count) + " elements", "0 or more");
  storage.view_count = storage.count;
  if (view.is(Kind::kTuple)) {
    const auto offset = view.item(1).asInt(), size = view.item(2).asInt();
    if (!offset || !size || *offset < 0 || *size < 0 || *offset > storage.count || *size > storage.count - *offset)
      return mismatch(ErrorCode::kMalformed, where, "a view outside of its storage", "one inside");
    storage.view_offset = *offset;
    storage.view_count = *size;
  }
  return storage;
}

Result<std::vector<TorchTensor>> readTorchTensors(const Pickle& pickle, const std::string& where) {
  return Walker(where).walk(unwrapped(pickle.root()));
}

}  // namespace beit
