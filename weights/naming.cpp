#include "weights/naming.h"

#include <algorithm>
#include <array>

namespace beit {

namespace {

struct Family {
  Dialect dialect;
  std::string_view name;
  std::string_view prefix;  // of the body's names
};

constexpr std::array<Family, 3> kFamilies{{
    {Dialect::kTransformers, "transformers", "beit."},
    {Dialect::kTransformersBare, "transformers without prefix", ""},
    {Dialect::kData2Vec, "Data2VecVision", "data2vec_vision."},
}};

// A tensor that every BEiT has.
constexpr std::string_view kWitness = "embeddings.cls_token";

// First parts of the body's names: only these take the prefix. The heads' names have none.
constexpr std::array<std::string_view, 4> kBodyParts{"embeddings.", "encoder.", "layernorm.", "pooler."};

const Family& family(Dialect dialect) {
  return *std::find_if(kFamilies.begin(), kFamilies.end(), [&](const Family& f) { return f.dialect == dialect; });
}

}  // namespace

std::string_view toString(Dialect dialect) { return family(dialect).name; }

std::optional<Dialect> detectDialect(const std::vector<TensorEntry>& entries) {
  for (const Family& candidate : kFamilies) {
    const std::string witness = std::string(candidate.prefix) + std::string(kWitness);
    for (const TensorEntry& entry : entries)
      if (entry.name == witness) return candidate.dialect;
  }
  return std::nullopt;
}

std::string canonicalName(Dialect dialect, std::string_view name) {
  const std::string_view prefix = family(dialect).prefix;
  if (!prefix.empty()) {
    if (!name.starts_with(prefix)) return std::string(name);
    return "beit." + std::string(name.substr(prefix.size()));
  }
  for (const std::string_view part : kBodyParts)
    if (name.starts_with(part)) return "beit." + std::string(name);
  return std::string(name);
}

bool isDead(std::string_view name) {
  return name.ends_with("relative_position_index") || name.ends_with("num_batches_tracked");
}

}  // namespace beit
