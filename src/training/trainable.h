// Which of a model's parameters are trained.
#pragma once

#include <cstdint>
#include <string_view>

#include "src/base/result.h"
#include "src/beit/config.h"

namespace beit {

// A choice of parameters. The head is always among them: what is not the body's, "beit.…".
struct Trainable {
  enum class Method {
    kFull,     // all
    kVectors,  // biases, norms, layer scales, tokens and relative position bias tables: no matrices and no absolute positions
    kLast,     // the last `layers` layers and the norm behind them
  };
  Method method = Method::kFull;
  int64_t layers = 0;  // kLast only: 0 to all of them
};

// Returns what "full", "vectors" or "last:N" names for a model of `layers` layers. Error: kInvalidArgument.
Result<Trainable> parseTrainable(std::string_view text, int64_t layers);

// Returns the layers, from the first on, that are frozen with the embeddings: 0 where the embeddings are trained.
int64_t frozenLayers(const Trainable& which, const BeitConfig& config);

// Returns whether the parameter of that name (see ParameterList) is trained.
bool isTrained(const Trainable& which, const BeitConfig& config, std::string_view name);

}  // namespace beit
