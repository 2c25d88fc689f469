#include "weights/reading/names/naming.h"

#include <algorithm>
#include <array>
#include <span>

#include "weights/reading/names/naming_tables.h"

namespace beit {

namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }

// What '#' (a number, at least one digit) and '*' (the rest, also nothing) of a pattern stood for.
struct Captures {
  std::vector<std::string_view> numbers;
  std::string_view rest;
};

std::optional<Captures> match(std::string_view pattern, std::string_view name) {
  Captures captures;
  size_t at = 0;
  for (const char c : pattern) {
    if (c == '*') {
      captures.rest = name.substr(at);
      return captures;
    }
    if (c == '#') {
      const size_t begin = at;
      while (at < name.size() && isDigit(name[at])) ++at;
      if (at == begin) return std::nullopt;
      captures.numbers.push_back(name.substr(begin, at - begin));
      continue;
    }
    if (at == name.size() || name[at] != c) return std::nullopt;
    ++at;
  }
  if (at != name.size()) return std::nullopt;
  return captures;
}

std::string substitute(std::string_view pattern, const Captures& captures) {
  std::string text;
  size_t number = 0;
  for (const char c : pattern) {
    if (c == '#') text += captures.numbers[number++];
    else if (c == '*') text += captures.rest;
    else text += c;
  }
  return text;
}

const NamingFamily& family(Dialect dialect) {
  return *std::find_if(kNamingFamilies.begin(), kNamingFamilies.end(),
                       [&](const NamingFamily& f) { return f.dialect == dialect; });
}

}  // namespace

std::string_view toString(Dialect dialect) { return family(dialect).name; }

std::optional<Dialect> detectDialect(const std::vector<TensorEntry>& entries) {
  for (const NamingFamily& candidate : kNamingFamilies)
    for (const TensorEntry& entry : entries)
      if (match(candidate.witness, entry.name)) return candidate.dialect;
  return std::nullopt;
}

std::vector<std::vector<ParameterShare>> candidates(Dialect dialect, std::string_view name) {
  std::vector<std::vector<ParameterShare>> all;
  for (const NamingRule& rule : family(dialect).rules) {
    const auto captures = match(rule.file, name);
    if (!captures) continue;
    std::vector<ParameterShare> targets;
    int64_t parts = 0;
    for (const std::string_view parameter : rule.parameters) parts += !parameter.empty();
    for (const std::string_view parameter : rule.parameters)
      if (!parameter.empty())
        targets.push_back({substitute(parameter, *captures), static_cast<int64_t>(targets.size()), parts, rule.layout});
    all.push_back(std::move(targets));
    if (!rule.other_readings) break;
  }
  return all;
}

std::optional<std::string> nameIn(Dialect dialect, std::string_view parameter) {
  for (const NamingRule& rule : family(dialect).rules) {
    if (!rule.parameters[1].empty()) continue;
    const auto captures = match(rule.parameters[0], parameter);
    if (!captures) continue;
    std::string name = substitute(rule.file, *captures);
    // A wide pattern may name what a narrower one reads differently: only a way back counts.
    for (const auto& reading : candidates(dialect, name))
      for (const ParameterShare& target : reading)
        if (target.parameter == parameter) return name;
  }
  return std::nullopt;
}

bool isUnused(std::string_view name) {
  return name.ends_with("relative_position_index") || name.ends_with("num_batches_tracked");
}

}  // namespace beit
