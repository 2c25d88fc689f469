#include "weights/reading/containers/pickle.h"

namespace beit {

PickleKind PickleValue::kind() const { return pickle_ ? pickle_->nodes_[id_].kind : PickleKind::kNone; }

std::optional<int64_t> PickleValue::asInt() const {
  if (!is(PickleKind::kInt)) return std::nullopt;
  return pickle_->nodes_[id_].integer;
}

std::optional<bool> PickleValue::asBool() const {
  if (!is(PickleKind::kBool)) return std::nullopt;
  return pickle_->nodes_[id_].integer != 0;
}

std::string_view PickleValue::text() const { return pickle_ ? pickle_->nodes_[id_].text : std::string_view(); }

size_t PickleValue::children() const {
  if (!pickle_ || pickle_->nodes_[id_].list == Pickle::kNoList) return 0;
  return pickle_->lists_[pickle_->nodes_[id_].list].size();
}

PickleValue PickleValue::child(size_t index) const {
  if (index >= children()) return {};
  return {pickle_, pickle_->lists_[pickle_->nodes_[id_].list][index]};
}

size_t PickleValue::size() const {
  switch (kind()) {
    case PickleKind::kTuple:
    case PickleKind::kList:
    case PickleKind::kSet:
    case PickleKind::kPersistent: return children();
    case PickleKind::kDict: return children() / 2;
    default: return 0;
  }
}

PickleValue PickleValue::item(size_t index) const {
  return is(PickleKind::kDict) || is(PickleKind::kObject) ? PickleValue() : child(index);
}

PickleValue PickleValue::key(size_t index) const { return index < size() && is(PickleKind::kDict) ? child(2 * index) : PickleValue(); }

PickleValue PickleValue::value(size_t index) const {
  return index < size() && is(PickleKind::kDict) ? child(2 * index + 1) : PickleValue();
}

PickleValue PickleValue::find(std::string_view wanted) const {
  if (!is(PickleKind::kDict)) return {};
  for (size_t i = size(); i-- > 0;)
    if (key(i).is(PickleKind::kString) && key(i).text() == wanted) return value(i);
  return {};
}

PickleValue PickleValue::callable() const { return is(PickleKind::kObject) ? child(0) : PickleValue(); }
PickleValue PickleValue::arguments() const { return is(PickleKind::kObject) ? child(1) : PickleValue(); }
PickleValue PickleValue::state() const { return is(PickleKind::kObject) ? child(2) : PickleValue(); }

bool PickleValue::isCallOf(std::string_view global) const { return callable().is(PickleKind::kGlobal) && callable().text() == global; }

std::vector<PickleValue> Pickle::persistents() const {
  std::vector<PickleValue> found;
  for (size_t id = 0; id < nodes_.size(); ++id)
    if (nodes_[id].kind == PickleKind::kPersistent) found.push_back(PickleValue(this, static_cast<Id>(id)));
  return found;
}

}  // namespace beit
