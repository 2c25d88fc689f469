// Names of tensors in the naming families that checkpoints use, and the project's own names, which
// are those of transformers 4 with the prefix "beit.".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weights/tensor_index.h"

namespace beit {

enum class Dialect {
  kTransformers,      // "beit." before the body's names
  kTransformersBare,  // no prefix: a file saved from BeitModel or BeitBackbone
  kData2Vec,          // "data2vec_vision." before the body's names
};

// Returns a name for people: "transformers", "transformers without prefix", "Data2VecVision".
std::string_view toString(Dialect dialect);

// Returns the dialect of those names, or nothing when they are of no known family.
std::optional<Dialect> detectDialect(const std::vector<TensorEntry>& entries);

// Returns the project's name of a tensor called `name` in that dialect.
std::string canonicalName(Dialect dialect, std::string_view name);

// Returns whether a tensor carries nothing that a model uses: indices that follow from sizes, and
// counters of training.
bool isDead(std::string_view name);

}  // namespace beit
