// Python's pickle format, protocols 0 to 5, as data. A pickle is a program for a small stack machine
// that may name any function of Python and call it; here a call is only written down. What the tree
// may name is the caller's list, and a file that asks for anything else is refused with its name.
// Reference: CPython's pickle.py and pickletools.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace beit {

enum class PickleKind : uint8_t {
  kNone,
  kBool,
  kInt,
  kFloat,
  kBigInt,  // integers outside int64: text() is the little-endian two's complement
  kString,
  kBytes,
  kTuple,
  kList,
  kSet,
  kDict,        // collections.OrderedDict too
  kGlobal,      // a class or function by its name: text() is "module.name"
  kObject,      // a call of a global with arguments, and the state that the object was then given
  kPersistent,  // something kept outside of the pickle: item(0) is its key
};

class Pickle;

// A handle to a value of a Pickle, which must outlive it. A default one is no value: its kind is
// kNone, and it has nothing in it.
class PickleValue {
 public:
  PickleValue() = default;

  bool exists() const { return pickle_ != nullptr; }
  PickleKind kind() const;
  bool is(PickleKind kind) const { return exists() && this->kind() == kind; }
  // Returns the number, or nothing for another kind (a bool is no number here).
  std::optional<int64_t> asInt() const;
  std::optional<bool> asBool() const;
  // Returns the text of a string, bytes, global or big integer, and "" for all else.
  std::string_view text() const;
  // Returns the number of items of a tuple, list, set or persistent value, or of a dict's pairs.
  size_t size() const;
  // Returns item `index`, or no value where there is none.
  PickleValue item(size_t index) const;
  // Returns a dict's key or value number `index`, or no value.
  PickleValue key(size_t index) const;
  PickleValue value(size_t index) const;
  // Returns the value that a dict has for a string (the last one, as in Python), or no value.
  PickleValue find(std::string_view key) const;
  // Of an object: the global (or persistent value) that was called, the tuple of its arguments, and
  // its state, if it was given one.
  PickleValue callable() const;
  PickleValue arguments() const;
  PickleValue state() const;
  // Returns whether this is an object made by calling the global of that name.
  bool isCallOf(std::string_view global) const;

 private:
  friend class Pickle;
  PickleValue(const Pickle* pickle, uint32_t id) : pickle_(pickle), id_(id) {}
  PickleValue child(size_t index) const;
  size_t children() const;

  const Pickle* pickle_ = nullptr;
  uint32_t id_ = 0;
};

// The tree. Values lie in one array and refer to each other by index, so that neither the depth of a
// tree nor a cycle (a list may hold itself) is a danger to anyone but a walker, who must count.
class Pickle {
 public:
  // Nodes hold views of the bytes, which stay where they are when a tree moves, and not in a copy.
  Pickle(Pickle&&) = default;
  Pickle& operator=(Pickle&&) = default;
  Pickle(const Pickle&) = delete;
  Pickle& operator=(const Pickle&) = delete;

  // Values, places in containers and on the stack, and memory slots, together. A checkpoint of a large
  // model with its optimizer has some hundred thousand; this many take less than 0.5 GB.
  static constexpr size_t kMaxParts = 4'000'000;

  // Bytes of a global's "module.name"; PyTorch's longest has some 70.
  static constexpr size_t kMaxGlobalBytes = 256;

  // Returns whether a pickle may name that "module.name".
  using GlobalFilter = bool (*)(std::string_view global);

  // Returns the tree of the pickle that `bytes` begins with; `where` names it in errors.
  // Errors: kTruncated; kMalformed; kUnsupported for a global that is not allowed, with its name, for
  // the extension registry, for buffers outside of the pickle, and for more than kMaxParts or
  // kMaxGlobalBytes.
  static Result<Pickle> parse(std::vector<uint8_t> bytes, std::string_view where, GlobalFilter allowed);

  PickleValue root() const { return {this, root_}; }

  // Returns all persistent values, wherever they stand.
  std::vector<PickleValue> persistents() const;

 private:
  friend class PickleValue;
  friend class PickleMachine;

  using Id = uint32_t;
  static constexpr uint32_t kNoList = UINT32_MAX;
  struct Node {
    PickleKind kind = PickleKind::kNone;
    uint32_t list = kNoList;     // which of lists_ has what is in it
    int64_t integer = 0;         // also of a bool
    std::string_view text = {};  // in bytes_, texts_ or globals_
  };

  Pickle() = default;

  std::vector<uint8_t> bytes_;
  std::deque<std::string> texts_;  // those that do not stand in the bytes as they are
  std::set<std::string> globals_;  // each once: six bytes of pickle name one again
  std::vector<Node> nodes_;
  std::vector<std::vector<Id>> lists_;
  Id root_ = 0;
};

}  // namespace beit
