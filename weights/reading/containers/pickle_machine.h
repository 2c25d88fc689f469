// The stack machine that reads a pickle into a tree.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "weights/reading/containers/pickle.h"
#include "weights/reading/containers/pickle_opcodes.h"

namespace beit {

class PickleMachine {
 public:
  PickleMachine(std::vector<uint8_t> bytes, std::string_view where, Pickle::GlobalFilter allowed) : where_(where), allowed_(allowed) {
    pickle_.bytes_ = std::move(bytes);
  }

  // Runs the pickle to its end. To be called once.
  Result<Pickle> run();

 private:
  using Id = Pickle::Id;
  using Node = Pickle::Node;

  // Each executes what some instructions have in common, and says whether the instruction was one of
  // these.
  Result<bool> constant(const PickleOp& op);
  Result<bool> text(const PickleOp& op);
  Result<bool> container(const PickleOp& op);
  Result<bool> memory(const PickleOp& op);
  Result<bool> call(const PickleOp& op);

  Status push(Node node);
  Status pushId(Id id);
  Status pushInt(int64_t value) { return push({.kind = PickleKind::kInt, .integer = value}); }
  Status pushText(PickleKind kind, std::string_view text) { return push({.kind = kind, .text = text}); }
  // Pushes text that does not stand in the pickle as it is.
  Status pushMade(PickleKind kind, std::string text);
  Status pushLong(std::span<const uint8_t> bytes);
  Status pushDecimal(std::string_view digits);
  // Pushes a tuple, list, set or dict of those values.
  Status pushItems(PickleKind kind, const std::vector<Id>& items);
  Status pushGlobal(std::string_view module, std::string_view name);
  // Pushes what calling it with that tuple of arguments stands for.
  Status pushCall(Id callable, Id arguments);
  Status build();

  Result<Id> pop();
  Result<std::vector<Id>> pop(size_t count);
  Result<std::vector<Id>> popToMark();
  // Adds to the list, set or dict on top of the stack.
  Status extend(PickleKind kind, const std::vector<Id>& items);
  Status put(uint64_t slot);
  Status get(uint64_t slot);

  Node& node(Id id) { return pickle_.nodes_[id]; }
  std::vector<Id>& listOf(Id id);
  Status spend(size_t parts);
  Error malformed(std::string_view what) const;

  Pickle pickle_;
  std::string where_;
  Pickle::GlobalFilter allowed_;
  std::vector<Id> stack_;
  std::vector<size_t> marks_;  // sizes that the stack had
  std::unordered_map<uint64_t, Id> memory_;
  size_t at_ = 0;
  size_t parts_ = 0;
};

}  // namespace beit
