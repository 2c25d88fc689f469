#include "weights/reading/containers/flax_msgpack.h"

#include <algorithm>
#include <utility>

#include "weights/reading/containers/pickle_text.h"

namespace beit {

namespace {

using Kind = MsgpackKind;

constexpr int64_t kPiece = 64 * 1024;
constexpr size_t kMaxDepth = 64, kMaxNameBytes = 4096, kMaxTensors = 1'000'000;
constexpr int8_t kArrayExtension = 1;
// An array's head: 64 sizes of 9 bytes, the name of a type, and three lengths, with room to spare.
constexpr size_t kMaxArrayHead = 1024;
constexpr size_t kMaxAxes = 64;

constexpr std::pair<std::string_view, DType> kTypes[] = {
    {"float32", DType::kF32}, {"float16", DType::kF16}, {"bfloat16", DType::kBF16}, {"float64", DType::kF64}, {"int64", DType::kI64},
    {"int32", DType::kI32},   {"int16", DType::kI16},   {"int8", DType::kI8},       {"uint64", DType::kU64},  {"uint32", DType::kU32},
    {"uint16", DType::kU16},  {"uint8", DType::kU8},    {"bool", DType::kBool},
};

std::string_view asText(std::span<const uint8_t> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

}  // namespace

bool FlaxMsgpackIndexer::looksLike(std::span<const uint8_t> first) {
  const MsgpackToken map = readMsgpackToken(first);
  if (map.kind != Kind::kMap || map.missing > 0 || map.size == 0 || map.head >= first.size()) return false;
  return readMsgpackToken(first.subspan(map.head)).kind == Kind::kString;
}

Error FlaxMsgpackIndexer::malformed(std::string_view what) const {
  return failure(ErrorCode::kMalformed, file_name_, "at byte " + std::to_string(position()) + " of the MessagePack: " + std::string(what));
}

std::optional<ByteRange> FlaxMsgpackIndexer::next() const {
  if (done_) return std::nullopt;
  const int64_t end = start_ + static_cast<int64_t>(bytes_.size());
  auto length = static_cast<int64_t>(missing_);
  if (size_) length = std::max(length, std::min(kPiece, *size_ - end));
  return ByteRange{end, length};
}

Status FlaxMsgpackIndexer::require(uint64_t bytes) const {
  if (!size_ || bytes <= static_cast<uint64_t>(*size_ - position())) return {};
  return mismatch(ErrorCode::kTruncated, file_name_, std::to_string(*size_) + " bytes",
                  std::to_string(bytes) + " more from " + std::to_string(position()));
}

Status FlaxMsgpackIndexer::supply(std::span<const uint8_t> bytes) {
  assert(next() && static_cast<int64_t>(bytes.size()) <= next()->length);
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  while (!done_) {
    BEIT_ASSIGN(const bool stepped, step());
    if (stepped) continue;
    BEIT_TRY(require(rest().size() + missing_));
    // What was read is let go; what was not has to stand in one piece.
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<ptrdiff_t>(at_));
    start_ += static_cast<int64_t>(at_);
    at_ = 0;
    return {};
  }
  bytes_ = {};
  return {};
}

Result<bool> FlaxMsgpackIndexer::step() {
  missing_ = 1;
  if (rest().empty()) return false;
  const MsgpackToken token = readMsgpackToken(rest());
  missing_ = token.missing;
  if (missing_ > 0) return false;
  if (token.kind == Kind::kInvalid) return malformed("a byte that begins no value");
  if (!begun_ && token.kind != Kind::kMap) return malformed("a value that is no map");
  begun_ = true;
  const bool is_key = !levels_.empty() && levels_.back().is_map && !levels_.back().has_key;
  if (is_key) {
    if (token.kind == Kind::kString && token.size <= kMaxNameBytes) {
      const size_t length = token.head + static_cast<size_t>(token.size);
      if (rest().size() < length) {
        missing_ = length - rest().size();
        return false;
      }
    }
    BEIT_TRY(readKey(token));
    return true;
  }
  switch (token.kind) {
    case Kind::kMap:
    case Kind::kArray: BEIT_TRY(open(token)); return true;
    case Kind::kExtension:
      if (token.extension == kArrayExtension) return readArray(token);
      [[fallthrough]];
    default:  // settings, such as a step counter
      at_ += token.head;
      BEIT_TRY(skip(token.kind == Kind::kString || token.kind == Kind::kBytes || token.kind == Kind::kExtension ? token.size : 0));
      finishValue();
      return true;
  }
}

Status FlaxMsgpackIndexer::readKey(const MsgpackToken& token) {
  Level& level = levels_.back();
  std::string key;
  if (token.kind == Kind::kInt) {
    key = std::to_string(token.integer);
    at_ += token.head;
  } else {
    if (token.kind != Kind::kString || token.size > kMaxNameBytes) return malformed("a key that is no short text");
    key = asText(rest().subspan(token.head, static_cast<size_t>(token.size)));
    if (!isUtf8(key)) return malformed("a key that is no UTF-8 text");
    at_ += token.head + static_cast<size_t>(token.size);
  }
  if (key == "__msgpack_chunked_array__")
    return mismatch(ErrorCode::kUnsupported, file_name_, "the array " + printable(name_) + " in chunks, as Flax splits those above 1 GB",
                    "whole arrays");
  name_.resize(level.prefix);
  if (!name_.empty()) name_ += '.';
  name_ += key;
  if (name_.size() > kMaxNameBytes) return malformed("a name of more than " + std::to_string(kMaxNameBytes) + " bytes");
  level.has_key = true;
  return {};
}

Status FlaxMsgpackIndexer::open(const MsgpackToken& token) {
  at_ += token.head;
  if (levels_.size() == kMaxDepth) return malformed("maps more than " + std::to_string(kMaxDepth) + " deep");
  // Each value takes a byte at least, so that a count that cannot be true is found out before it is walked.
  BEIT_TRY(require(token.kind == Kind::kMap ? 2 * token.size : token.size));
  levels_.push_back({token.kind == Kind::kMap, token.size, 0, name_.size(), false});
  if (token.size == 0) {
    levels_.pop_back();
    finishValue();
  } else if (token.kind == Kind::kArray) {
    name_ += ".0";
  }
  return {};
}

void FlaxMsgpackIndexer::finishValue() {
  // A value that was its map's last is the end of that value as well.
  while (!levels_.empty()) {
    Level& level = levels_.back();
    level.has_key = false;
    name_.resize(level.prefix);
    if (--level.rest > 0) {
      if (!level.is_map) name_ += "." + std::to_string(++level.index);
      return;
    }
    levels_.pop_back();
  }
  done_ = true;
}

Status FlaxMsgpackIndexer::skip(uint64_t bytes) {
  BEIT_TRY(require(bytes));
  constexpr uint64_t kMax = uint64_t{1} << 52;
  if (static_cast<uint64_t>(position()) + bytes > kMax) return malformed("a value of an impossible size");
  if (bytes <= rest().size()) {
    at_ += static_cast<size_t>(bytes);
  } else {
    start_ = position() + static_cast<int64_t>(bytes);
    bytes_.clear();
    at_ = 0;
  }
  return {};
}

Result<bool> FlaxMsgpackIndexer::readArray(const MsgpackToken& token) {
  BEIT_TRY(require(token.head + token.size));
  const auto all = rest().subspan(token.head);
  const size_t whole = static_cast<size_t>(std::min<uint64_t>(token.size, kMaxArrayHead));
  if (all.size() < whole) {
    missing_ = whole - all.size();
    return false;
  }
  const auto head = all.first(whole);
  size_t at = 0;
  // The next token of the head, kInvalid where the head ends before it does.
  const auto next = [&]() -> MsgpackToken {
    if (at >= head.size()) return {};
    const MsgpackToken inner = readMsgpackToken(head.subspan(at));
    if (inner.missing > 0) return {};
    at += inner.head;
    return inner;
  };
  const std::string where = file_name_ + ", tensor " + printable(name_);
  const auto bad = [&](const char* got) { return mismatch(ErrorCode::kMalformed, where, got, "an array's shape, element type and bytes"); };
  const MsgpackToken parts = next();
  if (parts.kind != Kind::kArray || parts.size != 3) return bad("no three parts");
  TensorEntry entry;
  entry.name = name_;
  entry.file = file_;
  const MsgpackToken axes = next();
  if (axes.kind != Kind::kArray || axes.size > kMaxAxes) return bad("no shape");
  for (uint64_t i = 0; i < axes.size; ++i) {
    const MsgpackToken axis = next();
    if (axis.kind != Kind::kInt || axis.integer < 0) return bad("a shape that is none");
    entry.shape.push_back(axis.integer);
  }
  const auto count = elementCount(entry.shape);
  if (!count) return bad("a shape whose elements cannot be counted");
  const MsgpackToken type = next();
  if ((type.kind != Kind::kString && type.kind != Kind::kBytes) || type.size > head.size() - at) return bad("no element type");
  const std::string_view type_name = asText(head.subspan(at, static_cast<size_t>(type.size)));
  at += static_cast<size_t>(type.size);
  const auto known = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const auto& t) { return t.first == type_name; });
  if (type_name.empty()) return bad("an element type without a name");
  const bool is_known = known != std::end(kTypes);
  entry.dtype = is_known ? known->second : DType::kU8;
  if (!is_known) entry.other_type = printable(type_name);  // an error only where a parameter needs it
  const MsgpackToken data = next();
  if (data.kind != Kind::kBytes && data.kind != Kind::kString) return bad("no bytes");
  if (data.size != token.size - at || *count > INT64_MAX / 8 ||
      (is_known && data.size != static_cast<uint64_t>(*count * elementSize(entry.dtype))))
    return bad("another number of bytes than its shape has");
  if (entries_.size() == kMaxTensors)
    return mismatch(ErrorCode::kUnsupported, file_name_, "more tensors", std::to_string(kMaxTensors) + " at most");
  entry.offset = position() + static_cast<int64_t>(token.head + at);
  entry.bytes = static_cast<int64_t>(data.size);
  entries_.push_back(std::move(entry));
  at_ += token.head;
  BEIT_TRY(skip(token.size));
  finishValue();
  return true;
}

}  // namespace beit
