#include "weights/reading/names/naming.h"

#include <algorithm>
#include <array>
#include <span>

#include "src/parameters/parameters.h"
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
  return *std::find_if(kNamingFamilies.begin(), kNamingFamilies.end(), [&](const NamingFamily& f) { return f.dialect == dialect; });
}

// Returns the dialect of the names that begin with a prefix, without it.
std::optional<Dialect> dialectBehind(const std::vector<TensorEntry>& entries, std::string_view prefix) {
  for (const NamingFamily& candidate : kNamingFamilies)
    for (const TensorEntry& entry : entries)
      if (entry.name.starts_with(prefix) && match(candidate.witness, std::string_view(entry.name).substr(prefix.size())))
        return candidate.dialect;
  return std::nullopt;
}

}  // namespace

std::string_view toString(Dialect dialect) { return family(dialect).name; }

std::optional<Dialect> detectDialect(const std::vector<TensorEntry>& entries) { return dialectBehind(entries, {}); }

// Names of others' checkpoints: what a tensor's name holds, what the file is, and what to bring instead.
struct Foreign {
  std::string_view part;
  std::string_view what;
  std::string_view instead;
  bool beside_ours = false;  // even where other names are such as ours have
};

constexpr std::string_view kOurs = "a BEiT checkpoint with transformers' names (beit.embeddings.cls_token and so on), timm's or unilm's";
constexpr std::string_view kBefore = "the checkpoint that its training began with, or this one under transformers' or unilm's names";

constexpr Foreign kForeign[] = {
    {".lora_", "a LoRA adapter",
     "the changed model, since an adapter holds changes alone: merge both in Python (model.merge_and_unload().save_pretrained(…))", true},
    {"beit3.", "a BEiT-3 checkpoint", "BEiT, BEiT v2 or Data2VecVision (BEiT-3 is another architecture, of pictures and text)"},
    {".ffn.layers.0.0.", "a checkpoint of mmsegmentation or mmpretrain", kBefore, true},
    {"vit.encoder.layer.", "a ViT checkpoint", kOurs},
    {"deit.encoder.layer.", "a DeiT checkpoint", kOurs},
    {"swin.encoder.layers.", "a Swin Transformer checkpoint", kOurs},
    {"segformer.encoder.", "a SegFormer checkpoint", kOurs},
    {"dinov2.encoder.layer.", "a DINOv2 checkpoint", kOurs},
    {"vision_model.encoder.layers.", "a CLIP or SigLIP checkpoint", kOurs},
    {"layoutlmv3.", "a LayoutLMv3 checkpoint", kOurs},
};

Result<Dialect> requireDialect(const std::vector<TensorEntry>& entries, const std::string& where) {
  const auto dialect = detectDialect(entries);
  for (const TensorEntry& entry : entries)
    for (const Foreign& foreign : kForeign)
      if ((!dialect || foreign.beside_ours) && entry.name.find(foreign.part) != std::string::npos)
        return mismatch(ErrorCode::kUnsupported, where, std::string(foreign.what) + " (" + entry.name + ")", std::string(foreign.instead));
  if (dialect) return *dialect;
  std::vector<std::string> names;
  for (const TensorEntry& entry : entries) names.push_back(entry.name);
  return mismatch(ErrorCode::kUnsupported, where, names.empty() ? "no tensors" : "tensors called " + listNames(names, 3),
                  std::string(kOurs));
}

std::string stripPrefix(std::vector<TensorEntry>& entries) {
  std::optional<std::string_view> shared;  // up to a dot, at last
  for (const TensorEntry& entry : entries) {
    const std::string_view name = entry.name;
    if (entry.shape.empty()) continue;
    if (!shared) shared = name;
    shared =
        name.substr(0, static_cast<size_t>(std::mismatch(name.begin(), name.end(), shared->begin(), shared->end()).first - name.begin()));
  }
  const std::string prefixes(shared ? shared->substr(0, shared->rfind('.') + 1) : std::string_view());
  // As few of them as will do: "beit." is part of the names. But "backbone." is only where heads stand beside it.
  for (size_t end = 0;;) {
    const std::string prefix = prefixes.substr(0, end);
    const auto dialect = dialectBehind(entries, prefix);
    if (dialect && (dialect != Dialect::kUnilmSegmentation || prefixes == prefix)) {
      for (TensorEntry& entry : entries)
        if (entry.name.starts_with(prefix)) entry.name.erase(0, end);
      return prefix;
    }
    end = prefixes.find('.', end) + 1;
    if (end == 0) return {};
  }
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

bool isUnused(std::string_view name) { return name.ends_with("relative_position_index") || name.ends_with("num_batches_tracked"); }

}  // namespace beit
