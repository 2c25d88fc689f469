#include "src/base/json_fields.h"

#include <algorithm>

#include "src/base/real_text.h"

namespace beit {
namespace {

std::string range(int64_t least, int64_t most) { return " of " + std::to_string(least) + " to " + std::to_string(most); }

std::string range(double least, double most) { return " of " + realText(least) + " to " + realText(most); }

std::optional<int64_t> inRange(JsonValue value, int64_t least, int64_t most) {
  const auto number = value.asInt64();
  return number && *number >= least && *number <= most ? number : std::nullopt;
}

}  // namespace

Error badField(std::string_view name, JsonValue value, std::string expected) {
  return mismatch(ErrorCode::kBadConfig, std::string(name), value.describe(), std::move(expected));
}

JsonValue JsonFields::take(std::string_view name) {
  known_.push_back(name);
  const JsonValue value = object_.find(name);
  return value.isNull() ? JsonValue() : value;
}

Status JsonFields::integer(std::string_view name, int64_t least, int64_t most, int64_t& value) {
  const JsonValue field = take(name);
  if (!field.exists()) return {};
  const auto number = inRange(field, least, most);
  if (!number) return badField(name, field, "an integer" + range(least, most));
  value = *number;
  return {};
}

Status JsonFields::real(std::string_view name, double least, double most, double& value) {
  const JsonValue field = take(name);
  if (!field.exists()) return {};
  const auto number = field.asDouble();
  if (!number || !(*number >= least && *number <= most)) {
    return badField(name, field, "a number" + range(least, most));
  }
  value = *number;
  return {};
}

Status JsonFields::flag(std::string_view name, bool& value) {
  const JsonValue field = take(name);
  if (!field.exists()) return {};
  const auto flag = field.asBool();
  if (!flag) return badField(name, field, "true or false");
  value = *flag;
  return {};
}

Status JsonFields::text(std::string_view name, std::string& value) {
  const JsonValue field = take(name);
  if (!field.exists()) return {};
  const auto text = field.asString();
  if (!text) return badField(name, field, "a string");
  value = *text;
  return {};
}

Status JsonFields::size(std::string_view name, int64_t least, int64_t most, Size& value) {
  const JsonValue field = take(name);
  if (!field.exists()) return {};
  if (const auto both = inRange(field, least, most)) {
    value = {*both, *both};
    return {};
  }
  std::vector<int64_t> sides;
  for (const JsonValue side : field.items()) {
    const auto number = inRange(side, least, most);
    if (!number || sides.size() == 2) {
      sides.clear();
      break;
    }
    sides.push_back(*number);
  }
  if (sides.size() != 2) {
    return badField(name, field, "an integer" + range(least, most) + ", or a height and a width");
  }
  value = {sides[0], sides[1]};
  return {};
}

Status JsonFields::integers(std::string_view name, int64_t least, int64_t most, size_t longest, std::vector<int64_t>& values) {
  const JsonValue field = take(name);
  if (!field.exists()) return {};
  if (!field.isArray() || field.size() > longest) {
    return badField(name, field, "an array of at most " + std::to_string(longest) + " integers");
  }
  std::vector<int64_t> numbers;
  for (const JsonValue item : field.items()) {
    const auto number = inRange(item, least, most);
    if (!number) return badField(name, item, "integers" + range(least, most));
    numbers.push_back(*number);
  }
  values = std::move(numbers);
  return {};
}

Status JsonFields::texts(std::string_view name, size_t longest, std::vector<std::string>& values) {
  const JsonValue field = take(name);
  if (!field.exists()) return {};
  if (!field.isArray() || field.size() > longest) {
    return badField(name, field, "an array of at most " + std::to_string(longest) + " strings");
  }
  std::vector<std::string> strings;
  for (const JsonValue item : field.items()) {
    const auto string = item.asString();
    if (!string) return badField(name, item, "strings");
    strings.emplace_back(*string);
  }
  values = std::move(strings);
  return {};
}

std::vector<std::string> JsonFields::unknown() const {
  std::vector<std::string> names;
  for (const JsonMember member : object_.members()) {
    if (std::find(known_.begin(), known_.end(), member.key) == known_.end()) {
      names.emplace_back(member.key);
    }
  }
  return names;
}

}  // namespace beit
