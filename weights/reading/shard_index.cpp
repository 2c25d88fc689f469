#include "weights/reading/shard_index.h"

#include <algorithm>
#include <set>

#include "src/base/json.h"

namespace beit {

Result<ShardIndex> parseShardIndex(std::string_view json) {
  const std::string where = "model.safetensors.index.json";
  BEIT_ASSIGN(const Json document, Json::parse(json, where));
  const JsonValue map = document.root().find("weight_map");
  if (!map.isObject()) return mismatch(ErrorCode::kMalformed, where, "weight_map " + map.describe(), "an object of tensor names and files");
  ShardIndex index;
  std::set<std::string> files;
  for (const auto& [name, value] : map.members()) {
    const auto file = value.asString();
    const bool plain = file && !file->empty() && *file != "." && *file != ".." &&
                       file->find_first_of("/\\:?#%") == std::string_view::npos &&
                       std::none_of(file->begin(), file->end(), [](unsigned char c) { return c < ' '; });
    if (!plain)
      return mismatch(ErrorCode::kMalformed, where + ", tensor " + std::string(name), value.describe(),
                      "the name of a file beside the index");
    files.emplace(*file);
    index.weight_map.emplace_back(name, *file);
  }
  if (files.empty()) return mismatch(ErrorCode::kMalformed, where, "an empty weight_map", "at least one tensor");
  index.files.assign(files.begin(), files.end());
  return index;
}

}  // namespace beit
