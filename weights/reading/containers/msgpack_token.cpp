#include "weights/reading/containers/msgpack_token.h"

namespace beit {

namespace {

using Kind = MsgpackKind;

// A token whose code tells its kind and how many bytes follow: those of a number, or of a size (and
// an extension's type).
struct Form {
  Kind kind = Kind::kInvalid;
  uint8_t bytes = 0;  // of the number behind the code
  bool is_signed = false;
  uint8_t fixed_size = 0;  // of an extension whose size is in its code
};

Form formOf(uint8_t code) {
  switch (code) {
    case 0xc0: return {Kind::kNil};
    case 0xc2:
    case 0xc3: return {Kind::kBool};
    case 0xc4: return {Kind::kBytes, 1};
    case 0xc5: return {Kind::kBytes, 2};
    case 0xc6: return {Kind::kBytes, 4};
    case 0xc7: return {Kind::kExtension, 1};
    case 0xc8: return {Kind::kExtension, 2};
    case 0xc9: return {Kind::kExtension, 4};
    case 0xca: return {Kind::kFloat, 4};
    case 0xcb: return {Kind::kFloat, 8};
    case 0xcc: return {Kind::kInt, 1};
    case 0xcd: return {Kind::kInt, 2};
    case 0xce: return {Kind::kInt, 4};
    case 0xcf: return {Kind::kInt, 8};
    case 0xd0: return {Kind::kInt, 1, true};
    case 0xd1: return {Kind::kInt, 2, true};
    case 0xd2: return {Kind::kInt, 4, true};
    case 0xd3: return {Kind::kInt, 8, true};
    case 0xd4: return {Kind::kExtension, 0, false, 1};
    case 0xd5: return {Kind::kExtension, 0, false, 2};
    case 0xd6: return {Kind::kExtension, 0, false, 4};
    case 0xd7: return {Kind::kExtension, 0, false, 8};
    case 0xd8: return {Kind::kExtension, 0, false, 16};
    case 0xd9: return {Kind::kString, 1};
    case 0xda: return {Kind::kString, 2};
    case 0xdb: return {Kind::kString, 4};
    case 0xdc: return {Kind::kArray, 2};
    case 0xdd: return {Kind::kArray, 4};
    case 0xde: return {Kind::kMap, 2};
    case 0xdf: return {Kind::kMap, 4};
    default: return {};
  }
}

}  // namespace

MsgpackToken readMsgpackToken(std::span<const uint8_t> bytes) {
  const uint8_t code = bytes[0];
  MsgpackToken token;
  token.head = 1;
  if (code < 0x80 || code >= 0xe0) {
    token.kind = Kind::kInt;
    token.integer = static_cast<int8_t>(code);
    return token;
  }
  if (code < 0xc0) {
    token.kind = code < 0x90 ? Kind::kMap : code < 0xa0 ? Kind::kArray : Kind::kString;
    token.size = code & (code < 0xa0 ? 0x0f : 0x1f);
    return token;
  }
  const Form form = formOf(code);
  token.kind = form.kind;
  const bool is_extension = form.kind == Kind::kExtension;
  token.head = size_t{1} + form.bytes + is_extension;
  if (bytes.size() < token.head) {
    token.missing = token.head - bytes.size();
    return token;
  }
  uint64_t number = 0;  // big-endian
  for (size_t i = 1; i <= form.bytes; ++i) number = number << 8 | bytes[i];
  if (is_extension) token.extension = static_cast<int8_t>(bytes[token.head - 1]);
  if (form.kind == Kind::kBool) {
    token.integer = code == 0xc3;
  } else if (form.kind == Kind::kInt) {
    if (form.is_signed && form.bytes < 8 && number >> (8 * form.bytes - 1)) number |= ~uint64_t{0} << (8 * form.bytes);
    token.integer = form.is_signed || number <= INT64_MAX ? static_cast<int64_t>(number) : INT64_MAX;
  } else if (form.kind != Kind::kFloat) {
    token.size = form.fixed_size ? form.fixed_size : number;
  }
  return token;
}

}  // namespace beit
