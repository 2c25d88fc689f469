#include "weights/reading/containers/pickle_machine.h"

#include <algorithm>
#include <charconv>

#include "weights/reading/containers/pickle_text.h"

namespace beit {

namespace {

using Code = PickleCode;
using Kind = PickleKind;

std::string_view asText(std::span<const uint8_t> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// Returns a line without the line feed that ends it, and without the carriage return that Windows put
// before it.
std::string_view lineOf(std::span<const uint8_t> argument) {
  std::string_view line = asText(argument);
  line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// Returns whether a line is a number as repr(float) writes it. Nobody asks for its value.
bool isFloat(std::string_view line) {
  const auto digits = [&line] {
    const size_t count = std::min(line.find_first_not_of("0123456789"), line.size());
    line.remove_prefix(count);
    return count > 0;
  };
  const auto sign = [&line] {
    if (line.starts_with('-') || line.starts_with('+')) line.remove_prefix(1);
  };
  sign();
  if (line == "inf" || line == "nan") return true;
  if (!digits()) return false;
  if (line.starts_with('.')) {
    line.remove_prefix(1);
    if (!digits()) return false;
  }
  if (line.starts_with('e')) {
    line.remove_prefix(1);
    sign();
    if (!digits()) return false;
  }
  return line.empty();
}

}  // namespace

Result<Pickle> Pickle::parse(std::vector<uint8_t> bytes, std::string_view where, GlobalFilter allowed) {
  return PickleMachine(std::move(bytes), where, allowed).run();
}

Error PickleMachine::malformed(std::string_view what) const {
  return failure(ErrorCode::kMalformed, where_, "at byte " + std::to_string(at_) + " of the pickle: " + std::string(what));
}

Status PickleMachine::spend(size_t parts) {
  parts_ += parts;
  if (parts_ <= Pickle::kMaxParts) return {};
  return mismatch(ErrorCode::kUnsupported, where_, "a pickle of more values", "at most " + std::to_string(Pickle::kMaxParts));
}

Result<Pickle> PickleMachine::run() {
  const std::span<const uint8_t> bytes = pickle_.bytes_;
  while (true) {
    PickleLineSearch search;
    BEIT_ASSIGN(const PickleOp op, readPickleOp(bytes, at_, search, where_));
    if (op.missing > 0)
      return mismatch(ErrorCode::kTruncated, where_, "an end after " + std::to_string(bytes.size()) + " bytes",
                      "at least " + std::to_string(op.missing) + " more, as the pickle goes on");
    if (op.code == Code::kStop) break;
    bool known = false;
    for (const auto execute :
         {&PickleMachine::constant, &PickleMachine::text, &PickleMachine::container, &PickleMachine::memory, &PickleMachine::call}) {
      BEIT_ASSIGN(known, (this->*execute)(op));
      if (known) break;
    }
    if (!known)
      return failure(ErrorCode::kUnsupported, where_,
                     "the pickle asks for Python's extension registry or for buffers that are not in it (instruction " +
                         std::to_string(static_cast<int>(op.code)) + "), and holds no plain data");
    at_ += op.length;
  }
  BEIT_ASSIGN(pickle_.root_, pop());
  return std::move(pickle_);
}

// ---- the stack ----

Status PickleMachine::pushId(Id id) {
  BEIT_TRY(spend(1));
  stack_.push_back(id);
  return {};
}

Status PickleMachine::push(Node node) {
  BEIT_TRY(spend(1));
  pickle_.nodes_.push_back(node);
  return pushId(static_cast<Id>(pickle_.nodes_.size() - 1));
}

Result<PickleMachine::Id> PickleMachine::pop() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) return malformed("nothing is left on the stack");
  const Id id = stack_.back();
  stack_.pop_back();
  return id;
}

Result<std::vector<PickleMachine::Id>> PickleMachine::pop(size_t count) {
  if (stack_.size() - (marks_.empty() ? 0 : marks_.back()) < count) return malformed("too little is left on the stack");
  std::vector<Id> items(stack_.end() - static_cast<ptrdiff_t>(count), stack_.end());
  stack_.resize(stack_.size() - count);
  return items;
}

Result<std::vector<PickleMachine::Id>> PickleMachine::popToMark() {
  if (marks_.empty()) return malformed("no mark is on the stack");
  auto items = pop(stack_.size() - marks_.back());
  marks_.pop_back();
  return items;
}

std::vector<PickleMachine::Id>& PickleMachine::listOf(Id id) {
  if (node(id).list == Pickle::kNoList) {
    node(id).list = static_cast<uint32_t>(pickle_.lists_.size());
    pickle_.lists_.emplace_back();
  }
  return pickle_.lists_[node(id).list];
}

Status PickleMachine::pushItems(PickleKind kind, const std::vector<Id>& items) {
  if (kind == Kind::kDict && items.size() % 2 != 0) return malformed("a dict with a key and no value");
  BEIT_TRY(spend(items.size()));
  BEIT_TRY(push({.kind = kind}));
  if (!items.empty()) listOf(stack_.back()) = items;
  return {};
}

Status PickleMachine::extend(PickleKind kind, const std::vector<Id>& items) {
  BEIT_ASSIGN(const Id id, pop());
  if (node(id).kind != kind) return malformed("items are added to what cannot take them");
  if (kind == Kind::kDict && items.size() % 2 != 0) return malformed("a dict with a key and no value");
  BEIT_TRY(spend(items.size()));
  if (!items.empty()) {
    auto& list = listOf(id);
    list.insert(list.end(), items.begin(), items.end());
  }
  return pushId(id);
}

// ---- constants ----

Status PickleMachine::pushMade(PickleKind kind, std::string text) {
  pickle_.texts_.push_back(std::move(text));
  return pushText(kind, pickle_.texts_.back());
}

Status PickleMachine::pushLong(std::span<const uint8_t> bytes) {
  if (bytes.size() > 8) return pushText(Kind::kBigInt, asText(bytes));
  uint64_t value = littleEndian(bytes);
  if (!bytes.empty() && bytes.size() < 8 && bytes.back() >= 0x80) value |= ~uint64_t{0} << (8 * bytes.size());
  return pushInt(static_cast<int64_t>(value));
}

Status PickleMachine::pushDecimal(std::string_view digits) {
  int64_t value = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end.ec == std::errc::result_out_of_range) return pushText(Kind::kBigInt, {});  // none is needed from protocol 0
  if (end.ec != std::errc() || end.ptr != digits.data() + digits.size()) return malformed("an integer that is none");
  return pushInt(value);
}

Result<bool> PickleMachine::constant(const PickleOp& op) {
  Status status;
  switch (op.code) {
    case Code::kProto:
      if (op.argument[0] > 5)
        return mismatch(ErrorCode::kUnsupported, where_, "pickle protocol " + std::to_string(op.argument[0]), "0 to 5");
      break;
    case Code::kFrame:
      if (littleEndian(op.argument) > pickle_.bytes_.size() - at_ - op.length)
        return mismatch(ErrorCode::kTruncated, where_, std::to_string(pickle_.bytes_.size()) + " bytes",
                        "a frame of " + std::to_string(littleEndian(op.argument)) + " more");
      break;
    case Code::kNone: status = push({}); break;
    case Code::kNewTrue: status = push({.kind = Kind::kBool, .integer = 1}); break;
    case Code::kNewFalse: status = push({.kind = Kind::kBool}); break;
    case Code::kBinInt: status = pushInt(static_cast<int32_t>(littleEndian(op.argument))); break;
    case Code::kBinInt1:
    case Code::kBinInt2: status = pushInt(static_cast<int64_t>(littleEndian(op.argument))); break;
    case Code::kLong1:
    case Code::kLong4: status = pushLong(op.argument); break;
    case Code::kInt: {
      const std::string_view line = lineOf(op.argument);
      if (line == "00" || line == "01") status = push({.kind = Kind::kBool, .integer = line == "01"});
      else status = pushDecimal(line);
      break;
    }
    case Code::kLong: {
      std::string_view line = lineOf(op.argument);
      if (line.ends_with('L')) line.remove_suffix(1);
      status = pushDecimal(line);
      break;
    }
    case Code::kFloat:
      if (!isFloat(lineOf(op.argument))) return malformed("a number that is none");
      [[fallthrough]];
    case Code::kBinFloat: status = push({.kind = Kind::kFloat}); break;
    default: return false;
  }
  if (!status) return std::move(status).error();
  return true;
}

Result<bool> PickleMachine::text(const PickleOp& op) {
  switch (op.code) {
    case Code::kBinString:
    case Code::kShortBinString:  // Python 2's, in which names were ASCII
    case Code::kBinUnicode:
    case Code::kShortBinUnicode:
    case Code::kBinUnicode8: BEIT_TRY(pushText(Kind::kString, asText(op.argument))); return true;
    case Code::kBinBytes:
    case Code::kShortBinBytes:
    case Code::kBinBytes8:
    case Code::kByteArray8: BEIT_TRY(pushText(Kind::kBytes, asText(op.argument))); return true;
    case Code::kString:
    case Code::kUnicode: {
      auto made = op.code == Code::kString ? fromPythonLiteral(lineOf(op.argument)) : fromRawUnicodeEscape(lineOf(op.argument));
      if (!made) return malformed("a string that is none");
      BEIT_TRY(pushMade(Kind::kString, *std::move(made)));
      return true;
    }
    default: return false;
  }
}

// ---- containers ----

Result<bool> PickleMachine::container(const PickleOp& op) {
  const auto made = [&](Kind kind, Result<std::vector<Id>> items) -> Result<bool> {
    if (!items.ok()) return std::move(items).error();
    BEIT_TRY(pushItems(kind, *items));
    return true;
  };
  const auto extended = [&](Kind kind, Result<std::vector<Id>> items) -> Result<bool> {
    if (!items.ok()) return std::move(items).error();
    BEIT_TRY(extend(kind, *items));
    return true;
  };
  switch (op.code) {
    case Code::kEmptyTuple: return made(Kind::kTuple, std::vector<Id>());
    case Code::kEmptyList: return made(Kind::kList, std::vector<Id>());
    case Code::kEmptyDict: return made(Kind::kDict, std::vector<Id>());
    case Code::kEmptySet: return made(Kind::kSet, std::vector<Id>());
    case Code::kTuple: return made(Kind::kTuple, popToMark());
    case Code::kList: return made(Kind::kList, popToMark());
    case Code::kDict: return made(Kind::kDict, popToMark());
    case Code::kFrozenSet: return made(Kind::kSet, popToMark());
    case Code::kTuple1: return made(Kind::kTuple, pop(1));
    case Code::kTuple2: return made(Kind::kTuple, pop(2));
    case Code::kTuple3: return made(Kind::kTuple, pop(3));
    case Code::kAppend: return extended(Kind::kList, pop(1));
    case Code::kAppends: return extended(Kind::kList, popToMark());
    case Code::kAddItems: return extended(Kind::kSet, popToMark());
    case Code::kSetItem: return extended(Kind::kDict, pop(2));
    case Code::kSetItems: return extended(Kind::kDict, popToMark());
    default: return false;
  }
}

// ---- memory ----

Status PickleMachine::put(uint64_t slot) {
  BEIT_TRY(spend(1));
  BEIT_ASSIGN(const Id id, pop());
  memory_[slot] = id;
  return pushId(id);
}

Status PickleMachine::get(uint64_t slot) {
  const auto found = memory_.find(slot);
  if (found == memory_.end()) return malformed("memory slot " + std::to_string(slot) + " is empty");
  return pushId(found->second);
}

Result<bool> PickleMachine::memory(const PickleOp& op) {
  Status status;
  const auto slotOf = [&]() -> Result<uint64_t> {
    if (op.code != Code::kGet && op.code != Code::kPut) return littleEndian(op.argument);
    uint64_t slot = 0;
    const std::string_view line = lineOf(op.argument);
    const auto end = std::from_chars(line.data(), line.data() + line.size(), slot);
    if (end.ec != std::errc() || end.ptr != line.data() + line.size()) return malformed("a memory slot that is no number");
    return slot;
  };
  switch (op.code) {
    case Code::kMark:
      BEIT_TRY(spend(1));
      marks_.push_back(stack_.size());
      break;
    case Code::kPop:
      // Python lets it take a mark away as well.
      if (!marks_.empty() && marks_.back() == stack_.size()) {
        marks_.pop_back();
      } else {
        BEIT_ASSIGN([[maybe_unused]] const Id gone, pop());
      }
      break;
    case Code::kPopMark: {
      BEIT_ASSIGN([[maybe_unused]] const auto gone, popToMark());
      break;
    }
    case Code::kDup: {
      BEIT_ASSIGN(const Id id, pop());
      BEIT_TRY(pushId(id));
      status = pushId(id);
      break;
    }
    case Code::kMemoize: status = put(memory_.size()); break;
    case Code::kBinPut:
    case Code::kLongBinPut:
    case Code::kPut: {
      BEIT_ASSIGN(const uint64_t slot, slotOf());
      status = put(slot);
      break;
    }
    case Code::kBinGet:
    case Code::kLongBinGet:
    case Code::kGet: {
      BEIT_ASSIGN(const uint64_t slot, slotOf());
      status = get(slot);
      break;
    }
    default: return false;
  }
  if (!status) return std::move(status).error();
  return true;
}

// ---- names and calls ----

Status PickleMachine::pushGlobal(std::string_view module, std::string_view name) {
  // A memoised string of any length may be half of a name, again and again: looked at before it is copied.
  if (module.size() + name.size() >= Pickle::kMaxGlobalBytes)
    return mismatch(ErrorCode::kUnsupported, where_,
                    "a pickle that asks for \"" + printable(module) + "\" with a name of " + std::to_string(name.size()) + " bytes",
                    "less than " + std::to_string(Pickle::kMaxGlobalBytes) + " bytes of both");
  std::string global = std::string(module) + "." + std::string(name);
  if (!allowed_(global))
    return mismatch(ErrorCode::kUnsupported, where_, "a pickle that asks for \"" + printable(global) + "\"",
                    "tensors and plain data only (nothing that a file asks for is run)");
  const auto [kept, is_new] = pickle_.globals_.insert(std::move(global));
  if (is_new) {  // a part stands for about 64 bytes
    BEIT_TRY(spend(2 + kept->size() / 64));
  }
  return pushText(Kind::kGlobal, *kept);
}

Status PickleMachine::pushCall(Id callable, Id arguments) {
  if (node(callable).kind != Kind::kGlobal && node(callable).kind != Kind::kPersistent)
    return malformed("a call of what is no class or function by name");
  if (node(arguments).kind != Kind::kTuple) return malformed("a call whose arguments are no tuple");
  const std::string_view called = node(callable).text;
  if (called != "collections.OrderedDict" && called != "collections.Counter" && called != "collections.defaultdict") {
    BEIT_TRY(spend(2));
    BEIT_TRY(push({.kind = Kind::kObject}));
    listOf(stack_.back()) = {callable, arguments};
    return {};
  }
  // OrderedDict(), OrderedDict([[key, value], ...]), Counter({key: count, ...}), defaultdict(type)
  std::vector<Id> items;
  if (node(arguments).list != Pickle::kNoList) {
    const Id pairs = listOf(arguments)[0];
    if (node(pairs).kind == Kind::kDict) {
      if (node(pairs).list != Pickle::kNoList) items = listOf(pairs);
    } else if (node(pairs).list != Pickle::kNoList) {
      for (const Id pair : listOf(pairs)) {
        if (node(pair).list == Pickle::kNoList || listOf(pair).size() != 2) return malformed("an OrderedDict of what are no pairs");
        items.insert(items.end(), {listOf(pair)[0], listOf(pair)[1]});
      }
    }
  }
  return pushItems(Kind::kDict, items);
}

Status PickleMachine::build() {
  BEIT_ASSIGN(const Id state, pop());
  BEIT_ASSIGN(const Id object, pop());
  if (node(object).kind == Kind::kObject) {
    BEIT_TRY(spend(1));
    auto& parts = listOf(object);
    parts.resize(2);
    parts.push_back(state);
  } else if (node(object).kind != Kind::kDict) {  // attributes of an OrderedDict, such as _metadata, say nothing
    return malformed("a state for what is no object");
  }
  return pushId(object);
}

Result<bool> PickleMachine::call(const PickleOp& op) {
  switch (op.code) {
    case Code::kGlobal:
    case Code::kInst: {
      const std::string_view lines = lineOf(op.argument);
      const size_t feed = lines.find('\n');
      std::string_view module = lines.substr(0, feed);
      if (module.ends_with('\r')) module.remove_suffix(1);
      if (op.code == Code::kGlobal) {
        BEIT_TRY(pushGlobal(module, lines.substr(feed + 1)));
        return true;
      }
      BEIT_ASSIGN(const auto items, popToMark());
      BEIT_TRY(pushGlobal(module, lines.substr(feed + 1)));
      BEIT_TRY(pushItems(Kind::kTuple, items));
      break;
    }
    case Code::kStackGlobal: {
      BEIT_ASSIGN(const auto names, pop(2));
      if (node(names[0]).kind != Kind::kString || node(names[1]).kind != Kind::kString)
        return malformed("a class or function whose name is no string");
      BEIT_TRY(pushGlobal(node(names[0]).text, node(names[1]).text));
      return true;
    }
    case Code::kPersid: BEIT_TRY(pushText(Kind::kString, lineOf(op.argument))); [[fallthrough]];
    case Code::kBinPersid: {
      BEIT_ASSIGN(const Id key, pop());
      BEIT_TRY(pushItems(Kind::kPersistent, {key}));
      return true;
    }
    case Code::kObj: {
      BEIT_ASSIGN(auto items, popToMark());
      if (items.empty()) return malformed("an object without a class");
      BEIT_TRY(pushId(items.front()));
      items.erase(items.begin());
      BEIT_TRY(pushItems(Kind::kTuple, items));
      break;
    }
    case Code::kNewObjEx: {  // the named arguments say nothing that is needed
      BEIT_ASSIGN([[maybe_unused]] const Id named, pop());
      break;
    }
    case Code::kReduce:
    case Code::kNewObj: break;
    case Code::kBuild: BEIT_TRY(build()); return true;
    default: return false;
  }
  BEIT_ASSIGN(const auto pair, pop(2));
  BEIT_TRY(pushCall(pair[0], pair[1]));
  return true;
}

}  // namespace beit
