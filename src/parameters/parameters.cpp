#include "src/parameters/parameters.h"

#include <algorithm>

namespace beit {

Parameter& ParameterList::add(std::string name, Shape shape, std::function<Status(std::span<float>)> receive, int64_t bytes) {
  assert(!by_name_.contains(name));
  by_name_.emplace(name, parameters_.size());
  if (bytes < 0) bytes = *elementCount(shape) * static_cast<int64_t>(sizeof(float));
  parameters_.push_back({std::move(name), std::move(shape), std::move(receive), nullptr, bytes});
  return parameters_.back();
}

void ParameterList::add(std::string name, Shape shape, FloatBuffer& keep) {
  add(std::move(name), std::move(shape), [&keep](std::span<float> values) -> Status {
    BEIT_ASSIGN(keep, FloatBuffer::copyOf(values, "a parameter"));
    return {};
  });
}

Parameter* ParameterList::find(std::string_view name) {
  const auto found = by_name_.find(std::string(name));
  return found == by_name_.end() ? nullptr : &parameters_[found->second];
}

Status ParameterList::deliver(size_t index, std::span<float> values) {
  Parameter& parameter = parameters_[index];
  assert(!parameter.received);
  BEIT_TRY(parameter.receive(values));
  parameter.received = true;
  return {};
}

Status ParameterList::deliverQuantized(size_t index, QuantizedValues values) {
  Parameter& parameter = parameters_[index];
  assert(!parameter.received && parameter.receive_quantized);
  BEIT_TRY(parameter.receive_quantized(values));
  parameter.received = true;
  return {};
}

Status ParameterList::give(std::string_view name, const Shape& shape, std::span<float> values) {
  const auto found = by_name_.find(std::string(name));
  if (found == by_name_.end()) return failure(ErrorCode::kNotFound, std::string(name), "the model has no such parameter");
  Parameter& parameter = parameters_[found->second];
  if (shape != parameter.shape) return mismatch(ErrorCode::kWrongShape, parameter.name, toString(shape), toString(parameter.shape));
  assert(*elementCount(shape) == static_cast<int64_t>(values.size()));
  BEIT_TRY(deliver(found->second, values));
  parameter.given = true;
  return {};
}

Status ParameterList::complete() const {
  std::vector<std::string> missing;
  for (const auto& parameter : parameters_)
    if (!parameter.received) missing.push_back(parameter.name);
  if (missing.empty()) return {};
  return mismatch(ErrorCode::kMissingTensor, "The model's weights",
                  std::to_string(parameters_.size() - missing.size()) + " tensors without " + listNames(missing),
                  "all " + std::to_string(parameters_.size()) + " tensors");
}

int64_t ParameterList::bytes() const {
  int64_t bytes = 0;
  for (const auto& parameter : parameters_) bytes += parameter.bytes;
  return bytes;
}

int64_t ParameterList::largestBytes() const {
  int64_t bytes = 0;
  for (const auto& parameter : parameters_) bytes = std::max(bytes, *elementCount(parameter.shape) * 4);
  return bytes;
}

std::string listNames(const std::vector<std::string>& names, size_t most) {
  std::string text;
  for (size_t i = 0; i < names.size() && i < most; ++i) {
    if (i) text += i + 1 == names.size() ? " and " : ", ";
    text += names[i];
  }
  if (names.size() > most) text += " and " + std::to_string(names.size() - most) + " more";
  return text;
}

}  // namespace beit
