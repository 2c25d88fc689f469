#include "src/beit/config_labels.h"

#include <charconv>

namespace beit {
namespace {

// More than any checkpoint has (21,841) by far, and few enough to make their names from a small
// hostile file.
constexpr int64_t kMaxLabels = int64_t{1} << 20;

std::optional<int64_t> parseId(std::string_view text) {
  int64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return id;
}

// A label may be anything in Python: a number is its digits, a list its labels.
std::string labelOf(JsonValue value) {
  const auto plain = [](JsonValue each) { return each.asString() ? std::string(*each.asString()) : each.describe(); };
  if (!value.isArray()) return plain(value);
  std::string all;
  for (const JsonValue item : value.items()) all += (all.empty() ? "" : ", ") + plain(item);
  return all;
}

}  // namespace

// configuration_utils.py, PretrainedConfig.__init__: id2label decides over num_labels. The 22k
// checkpoints' id2label skips two ids, so that its highest ids are above num_labels: outputs of the
// model never have them, and their names are dropped, as those of negative ids are. Null is no name.
Status readLabels(JsonFields& fields, BeitConfig& config) {
  const JsonValue names = fields.take("id2label");
  BEIT_TRY(fields.integer("num_labels", 0, kMaxLabels, config.num_labels));
  if (names.exists()) {
    if (!names.isObject() || names.size() > static_cast<size_t>(kMaxLabels)) {
      return badField("id2label", names, "an object of at most " + std::to_string(kMaxLabels) + " labels by id");
    }
    config.num_labels = static_cast<int64_t>(names.size());
  }

  config.id2label.clear();
  config.id2label.resize(static_cast<size_t>(config.num_labels));
  std::vector<bool> named(config.id2label.size());
  for (const JsonMember member : names.members()) {
    const auto id = parseId(member.key);
    if (!id) {
      return mismatch(ErrorCode::kBadConfig, "id2label", '"' + std::string(member.key) + '"', "a whole number as the id of each label");
    }
    if (*id < 0 || *id >= config.num_labels || member.value.isNull()) continue;
    config.id2label[static_cast<size_t>(*id)] = labelOf(member.value);
    named[static_cast<size_t>(*id)] = true;
  }
  for (size_t id = 0; id < named.size(); ++id) {
    if (!named[id]) config.id2label[id] = "LABEL_" + std::to_string(id);
  }

  config.label2id.clear();
  const JsonValue ids = fields.take("label2id");
  if (ids.exists() && !ids.isObject()) return badField("label2id", ids, "an object of ids by label");
  for (const JsonMember member : ids.members()) {
    auto id = member.value.asInt64();
    if (const auto text = member.value.asString()) id = parseId(*text);
    if (!id) return badField("label2id", member.value, "an id for each label");
    config.label2id.emplace_back(member.key, *id);
  }
  if (!ids.exists()) {
    for (size_t id = 0; id < config.id2label.size(); ++id) {
      config.label2id.emplace_back(config.id2label[id], static_cast<int64_t>(id));
    }
  }
  return {};
}

}  // namespace beit
