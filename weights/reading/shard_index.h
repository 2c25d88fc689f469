// model.safetensors.index.json: which of several files holds which tensor.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/result.h"

namespace beit {

struct ShardIndex {
  std::vector<std::string> files;                               // each once, in the order of their names
  std::vector<std::pair<std::string, std::string>> weight_map;  // tensor to file
};

// Returns the index in that JSON text. Errors: kHtml, kTruncated, kMalformed; a file name that is not
// a plain name beside the index (a path, "..") is kMalformed.
Result<ShardIndex> parseShardIndex(std::string_view json);

}  // namespace beit
