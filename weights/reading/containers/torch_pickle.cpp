#include "weights/reading/containers/torch_pickle.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "weights/reading/containers/pickle_text.h"

namespace beit {

namespace {

using Kind = PickleKind;

struct StorageType {
  std::string_view name;  // in "torch.NAMEStorage"
  DType dtype;
  uint8_t other_bytes = 0;  // of an element, where its type is not read
};

constexpr StorageType kStorages[] = {
    {"Float", DType::kF32},
    {"Half", DType::kF16},
    {"BFloat16", DType::kBF16},
    {"Double", DType::kF64},
    {"Long", DType::kI64},
    {"Int", DType::kI32},
    {"Short", DType::kI16},
    {"Char", DType::kI8},
    {"Byte", DType::kU8},
    {"Bool", DType::kBool},
    {"Untyped", DType::kU8, 1},
    {"ComplexFloat", DType::kU8, 8},
    {"ComplexDouble", DType::kU8, 16},
    {"QInt8", DType::kU8, 1},
    {"QUInt8", DType::kU8, 1},
    {"QInt32", DType::kU8, 4},
    {"QUInt4x2", DType::kU8, 1},
    {"QUInt2x4", DType::kU8, 1},
};

// Returns the type of the storages of that class, or null.
const StorageType* storageType(std::string_view global) {
  constexpr std::string_view kBegin = "torch.", kNewer = "storage.", kEnd = "Storage";
  if (!global.starts_with(kBegin) || !global.ends_with(kEnd)) return nullptr;
  global = global.substr(kBegin.size(), global.size() - kBegin.size() - kEnd.size());
  if (global.starts_with(kNewer)) global.remove_prefix(kNewer.size());
  const auto known = std::find_if(std::begin(kStorages), std::end(kStorages), [&](const StorageType& type) { return type.name == global; });
  return known == std::end(kStorages) ? nullptr : known;
}

// What rebuilds tensors: of storages, of bytes with an element type, and around one of these.
constexpr std::string_view kTensor = "torch._utils._rebuild_tensor_v2", kOldTensor = "torch._utils._rebuild_tensor",
                           kBytesTensor = "torch._utils._rebuild_tensor_v3", kParameter = "torch._utils._rebuild_parameter",
                           kParameterWithState = "torch._utils._rebuild_parameter_with_state",
                           kSubclass = "torch._tensor._rebuild_from_type_v2";

// What torch.load(weights_only=True) takes besides, and what arguments and results of training runs consist of:
// each between spaces.
constexpr std::string_view kPlain =
    " collections.OrderedDict collections.Counter collections.defaultdict torch.Size torch.device torch.Tensor torch.bool"
    " torch.nn.parameter.Parameter torch.nn.parameter.Buffer torch.serialization._get_layout torch.storage.TypedStorage"
    " torch.per_tensor_affine torch.per_channel_affine"
    " argparse.Namespace pathlib.PosixPath numpy.core.multiarray.scalar numpy._core.multiarray.scalar"
    " numpy.core.multiarray._reconstruct numpy._core.multiarray._reconstruct numpy.dtype numpy.ndarray _codecs.encode"
    " builtins.set builtins.frozenset builtins.object builtins.bytearray builtins.complex builtins.int builtins.float"
    " builtins.list builtins.dict copy_reg._reconstructor copyreg._reconstructor functools.partial ";

// What element types begin with, before a digit.
constexpr std::string_view kNumbers = " float bfloat int uint complex bits qint quint ";

// Returns whether a word is one of a list between spaces.
bool isAmong(std::string_view list, std::string_view word) {
  if (word.empty() || word.find(' ') != std::string_view::npos) return false;
  for (size_t at = list.find(word); at != std::string_view::npos; at = list.find(word, at + 1))
    if (list[at - 1] == ' ' && list[at + word.size()] == ' ') return true;
  return false;
}

bool isIdentifiers(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  }) && text.find("__") == std::string_view::npos;  // nothing of Python's machinery
}

// Returns whether that is an element type's name, such as "torch.float8_e4m3fn".
bool isElementType(std::string_view global) {
  constexpr std::string_view kBegin = "torch.";
  const size_t digit = global.find_first_of("123456789");
  return digit != std::string_view::npos && digit > kBegin.size() && global.starts_with(kBegin) && isIdentifiers(global) &&
         global.find('.', kBegin.size()) == std::string_view::npos &&
         isAmong(kNumbers, global.substr(kBegin.size(), digit - kBegin.size()));
}

// Of what begins so all names are taken.
constexpr std::string_view kPrefixes[] = {"torch.nn.modules.", "torch.nn.functional.", "torch._utils._rebuild_", "dall_e."};

// A dict, or a module's state.
PickleValue dictOf(PickleValue value) {
  if (value.is(Kind::kObject)) value = value.state();
  return value.is(Kind::kDict) ? value : PickleValue();
}

bool isTensorFunction(std::string_view global) {
  return global == kTensor || global == kOldTensor || global == kBytesTensor || global == kParameter || global == kParameterWithState ||
         global == kSubclass;
}

// Returns the name of the global that was called for this object, or "".
std::string_view calledFor(PickleValue value) {
  const PickleValue callable = value.callable();
  return callable.is(Kind::kGlobal) ? callable.text() : std::string_view();
}

bool isTensor(PickleValue value) { return isTensorFunction(calledFor(value)); }

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
  const auto malformed = [&](std::string_view got, std::string_view expected) {
    return mismatch(ErrorCode::kMalformed, std::string(where), std::string(got), std::string(expected));
  };
  std::string_view function = calledFor(value);
  PickleValue arguments = value.arguments();
  for (int wrapped = 0; function == kParameter || function == kParameterWithState || function == kSubclass; ++wrapped) {
    if (wrapped == 2) return malformed("a parameter in a parameter", "a tensor in it");
    const PickleValue inner = arguments.item(0);
    const bool is_call = function != kSubclass;  // or the function, the class and the arguments
    function = is_call ? calledFor(inner) : inner.text();
    arguments = is_call ? inner.arguments() : arguments.item(2);
  }
  if (!isTensorFunction(function)) return malformed("a parameter without a tensor", "one");
  TorchTensor tensor{.name = std::move(name), .storage = {}, .shape = {}, .strides = {}};
  BEIT_ASSIGN(tensor.storage, readTorchStorage(arguments.item(0), where));
  const auto offset = arguments.item(1).asInt();
  const auto shape = readInts(arguments.item(2)), strides = readInts(arguments.item(3));
  if (!offset || *offset < 0 || !shape || !strides || shape->size() != strides->size())
    return malformed("arguments of _rebuild_tensor that are none", "a storage, an offset, a size and a stride");
  const auto elements = elementCount(*shape);
  if (!elements) return malformed("shape " + toString(*shape), "a number of elements that can be counted");
  tensor.shape = *shape;
  if (function == kBytesTensor) {  // counted in elements whose size only PyTorch knows: all that the bytes hold
    const PickleValue type = arguments.item(6);
    tensor.storage.other_type = type.text();
    if (!type.is(Kind::kGlobal)) return malformed("bytes without an element type", "one");
    tensor.storage.dtype = DType::kU8;
    tensor.count = tensor.storage.count;
    return tensor;
  }
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

// Returns whether there is a tensor in a dict or module, looking no deeper than wrappers go, and at `budget` values at
// most: a dict may stand in itself.
bool holdsTensors(PickleValue value, size_t& budget, int depth = 0) {
  constexpr int kMaxDepth = 8;
  const PickleValue dict = dictOf(value);
  for (size_t i = 0; i < dict.size() && budget > 0; ++i, --budget)
    if (isTensor(dict.value(i)) || (depth < kMaxDepth && holdsTensors(dict.value(i), budget, depth + 1))) return true;
  return false;
}

// What training scripts call the weights. Averaged ones come first, and then timm's order.
constexpr std::string_view kWrappers[] = {"state_dict_ema",   "model_ema", "state_dict", "model_state", "model",
                                          "model_state_dict", "module",    "net",        "network",     "weights"};
constexpr size_t kAveragedWrappers = 2;

// Returns the state dict in what a training script saved. Sets `averaged` as readTorchTensors() does.
PickleValue unwrapped(PickleValue value, std::string* averaged) {
  constexpr int kMaxWrappers = 4;
  size_t budget = 1'000'000;
  for (int i = 0; i < kMaxWrappers && value.is(Kind::kDict); ++i) {
    PickleValue inner;
    const std::string_view* chosen = nullptr;
    for (const std::string_view& name : kWrappers) {
      const PickleValue found = value.find(name);
      if (!holdsTensors(found, budget)) continue;
      const bool is_averaged = &name < kWrappers + kAveragedWrappers;
      if (chosen && is_averaged) continue;
      if (chosen && averaged) *averaged = *chosen;
      if (chosen) break;
      inner = found;
      chosen = &name;
      if (!is_averaged) break;
    }
    if (!chosen) break;
    value = inner;
  }
  return value;
}

}  // namespace

bool isTorchGlobal(std::string_view global) {
  constexpr std::string_view kOldBuiltins = "__builtin__.";
  if (isTensorFunction(global) || isElementType(global) || storageType(global) || isAmong(kPlain, global)) return true;
  if (global.starts_with(kOldBuiltins)) return isAmong(kPlain, std::string("builtins.").append(global.substr(kOldBuiltins.size())));
  for (const std::string_view prefix : kPrefixes)
    if (global.starts_with(prefix) && isIdentifiers(global)) return true;
  return false;
}

Result<TorchStorage> readTorchStorage(PickleValue persistent, const std::string& where) {
  const PickleValue id = persistent.item(0);
  const PickleValue kind = id.item(1), key = id.item(2), count = id.item(4), view = id.item(5);
  if (!persistent.is(Kind::kPersistent) || !id.is(Kind::kTuple) || id.item(0).text() != "storage" || !kind.is(Kind::kGlobal) ||
      !key.is(Kind::kString) || !count.asInt())
    return mismatch(ErrorCode::kMalformed, where, "a storage that is none", "\"storage\", its type, key, place and size");
  const StorageType* known = storageType(kind.text());
  if (!known) return mismatch(ErrorCode::kUnsupported, where, "a storage of type " + printable(kind.text()), "one of numbers");
  TorchStorage storage{
      .key = key.text(), .dtype = known->dtype, .element = elementSize(known->dtype), .other_type = {}, .count = *count.asInt()};
  if (known->other_bytes > 0) {
    storage.element = known->other_bytes;
    storage.other_type = kind.text();
  }
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

TensorEntry entryOf(TorchTensor tensor, size_t file, int64_t offset) {
  const TorchStorage& storage = tensor.storage;
  return {std::move(tensor.name),
          storage.dtype,
          std::move(tensor.shape),
          file,
          offset + tensor.offset * storage.element,
          tensor.count * storage.element,
          std::move(tensor.strides),
          std::string(storage.other_type)};
}

Result<std::vector<TorchTensor>> readTorchTensors(const Pickle& pickle, const std::string& where, std::string* averaged) {
  return Walker(where).walk(unwrapped(pickle.root(), averaged));
}

}  // namespace beit
