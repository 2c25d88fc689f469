// MessagePack, a token at a time: what stands at a place, and how far it reaches.
// Reference: the specification at github.com/msgpack/msgpack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace beit {

enum class MsgpackKind : uint8_t { kNil, kBool, kInt, kFloat, kString, kBytes, kArray, kMap, kExtension, kInvalid };

struct MsgpackToken {
  MsgpackKind kind = MsgpackKind::kInvalid;
  int64_t integer = 0;   // of kInt and kBool; UINT64 values above INT64_MAX become INT64_MAX
  uint64_t size = 0;     // bytes of a string, bytes or extension; items of an array, pairs of a map
  int8_t extension = 0;  // the application's type
  size_t head = 0;       // bytes of the token without what `size` counts
  size_t missing = 0;    // bytes of the head that are not there; then only `kind` is set
};

// Returns the token that `bytes` (at least one) begins with.
MsgpackToken readMsgpackToken(std::span<const uint8_t> bytes);

}  // namespace beit
