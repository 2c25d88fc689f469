#include "weights/reading/containers/pickle_opcodes.h"

#include <algorithm>
#include <string>

namespace beit {

namespace {

using Code = PickleCode;

enum class Form : uint8_t { kUnknown, kBare, kFixed, kCounted, kLines };

// What follows a code: nothing, so many bytes, a length of so many bytes and then as many, or so many
// lines.
struct OperandForm {
  Form form = Form::kUnknown;
  size_t size = 0;
};

OperandForm shapeOf(uint8_t code) {
  switch (static_cast<Code>(code)) {
    case Code::kMark:
    case Code::kStop:
    case Code::kPop:
    case Code::kPopMark:
    case Code::kDup:
    case Code::kNone:
    case Code::kBinPersid:
    case Code::kReduce:
    case Code::kAppend:
    case Code::kBuild:
    case Code::kDict:
    case Code::kEmptyDict:
    case Code::kAppends:
    case Code::kList:
    case Code::kEmptyList:
    case Code::kObj:
    case Code::kSetItem:
    case Code::kTuple:
    case Code::kEmptyTuple:
    case Code::kSetItems:
    case Code::kNewObj:
    case Code::kTuple1:
    case Code::kTuple2:
    case Code::kTuple3:
    case Code::kNewTrue:
    case Code::kNewFalse:
    case Code::kEmptySet:
    case Code::kAddItems:
    case Code::kFrozenSet:
    case Code::kNewObjEx:
    case Code::kStackGlobal:
    case Code::kMemoize:
    case Code::kNextBuffer:
    case Code::kReadonlyBuffer: return {Form::kBare, 0};
    case Code::kBinInt1:
    case Code::kBinGet:
    case Code::kBinPut:
    case Code::kProto:
    case Code::kExt1: return {Form::kFixed, 1};
    case Code::kBinInt2:
    case Code::kExt2: return {Form::kFixed, 2};
    case Code::kBinInt:
    case Code::kLongBinGet:
    case Code::kLongBinPut:
    case Code::kExt4: return {Form::kFixed, 4};
    case Code::kBinFloat:
    case Code::kFrame: return {Form::kFixed, 8};
    case Code::kShortBinString:
    case Code::kShortBinBytes:
    case Code::kLong1:
    case Code::kShortBinUnicode: return {Form::kCounted, 1};
    case Code::kBinString:
    case Code::kBinUnicode:
    case Code::kBinBytes:
    case Code::kLong4: return {Form::kCounted, 4};
    case Code::kBinUnicode8:
    case Code::kBinBytes8:
    case Code::kByteArray8: return {Form::kCounted, 8};
    case Code::kFloat:
    case Code::kInt:
    case Code::kLong:
    case Code::kPersid:
    case Code::kString:
    case Code::kUnicode:
    case Code::kGet:
    case Code::kPut: return {Form::kLines, 1};
    case Code::kGlobal:
    case Code::kInst: return {Form::kLines, 2};
  }
  return {};
}

}  // namespace

uint64_t littleEndian(std::span<const uint8_t> bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

Result<PickleOp> readPickleOp(std::span<const uint8_t> bytes, size_t at, PickleLineSearch& search, std::string_view where) {
  PickleOp op;
  const auto rest = bytes.subspan(at);
  if (rest.empty()) {
    op.missing = 1;
    return op;
  }
  const OperandForm shape = shapeOf(rest[0]);
  op.code = static_cast<Code>(rest[0]);
  size_t before = 1;
  size_t size = shape.size;
  switch (shape.form) {
    case Form::kUnknown:
      return mismatch(ErrorCode::kMalformed, std::string(where), "the byte " + std::to_string(rest[0]) + " at " + std::to_string(at),
                      "an instruction of pickle");
    case Form::kBare:
    case Form::kFixed: break;
    case Form::kCounted: {
      before += shape.size;
      if (rest.size() < before) {
        op.missing = before - rest.size();
        return op;
      }
      constexpr uint64_t kMax = size_t{1} << 30;  // more than any pickle that is read, and no sum overflows
      size = static_cast<size_t>(std::min(littleEndian(rest.subspan(1, shape.size)), kMax));
      break;
    }
    case Form::kLines: {
      for (; search.lines < shape.size; ++search.lines) {
        const auto end = std::find(rest.begin() + static_cast<ptrdiff_t>(search.from), rest.end(), '\n');
        search.from = static_cast<size_t>(end - rest.begin());
        if (end == rest.end()) {
          op.missing = 1;
          return op;
        }
        ++search.from;
      }
      size = search.from - 1;
      break;
    }
  }
  op.length = before + size;
  if (rest.size() < op.length) {
    op.missing = op.length - rest.size();
    return op;
  }
  op.argument = rest.subspan(before, size);
  return op;
}

Result<size_t> PickleExtent::missing(std::span<const uint8_t> bytes, std::string_view where) {
  while (!stopped_) {
    BEIT_ASSIGN(const PickleOp op, readPickleOp(bytes, at_, search_, where));
    if (op.missing > 0) return op.missing;
    at_ += op.length;
    search_ = {};
    stopped_ = op.code == Code::kStop;
  }
  return size_t{0};
}

}  // namespace beit
