// Names of tensors in the naming families that checkpoints use, and the project's own names, which
// are those of transformers 4 with the prefix "beit.".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "weights/reading/tensor_index.h"

namespace beit {

enum class Dialect {
  kTransformers,      // transformers 4: what hub files hold
  kTransformersBare,  // without prefix: a file saved from BeitModel or BeitBackbone
  kData2Vec,          // Data2VecVision: the same model under another prefix
  kData2Vec5,         // the same with heads' names as transformers 5 saves them
  kTransformers5,     // transformers 5's state dict
  kTransformers5Bare,
  kTimm,               // timm and unilm
  kUnilmSegmentation,  // unilm with mmsegmentation's heads
  kFlax,               // transformers' Flax classes
  kFlaxBare,
  kDalle,  // DALL-E's tokenizer
};

// Returns a name for people: "transformers", "timm or unilm", …
std::string_view toString(Dialect dialect);

// Returns the dialect of those names, or nothing when they are of no known family.
std::optional<Dialect> detectDialect(const std::vector<TensorEntry>& entries);

// The same with a sentence for people: kUnsupported, `where`, for names of no family, and for those of a LoRA
// adapter, which needs the model that it changes.
Result<Dialect> requireDialect(const std::vector<TensorEntry>& entries, const std::string& where);

// Takes off what stands before every name where the rest are names of a known family ("module.", "_orig_mod.net.", …:
// what training tools leave), and returns it. A scalar, such as a counter of training, may stand outside.
std::string stripPrefix(std::vector<TensorEntry>& entries);

// How the elements of a file's tensor are laid out, seen from the parameter.
enum class TensorLayout {
  kSame,
  kTransposed,  // (inputs, outputs) for (outputs, inputs): Flax's dense kernels
  kHwio,        // (height, width, inputs, outputs) for (outputs, inputs, height, width): Flax's convolutions
};

// A parameter that a file's tensor holds, or holds a share of.
struct ParameterShare {
  std::string parameter;        // in the project's naming
  int64_t part = 0, parts = 1;  // which share of the tensor's first axis: fused query, key, value
  TensorLayout layout = TensorLayout::kSame;
};

// Returns what a tensor called `name` is in that dialect. For some names there are several candidates,
// of which the model at hand has at most one (timm's "norm" is the head's norm of a model for masked
// images, and the body's of others): `candidates` come in order of preference, each a list of targets.
std::vector<std::vector<ParameterShare>> candidates(Dialect dialect, std::string_view name);

// Returns the name that the parameter has in that dialect, or nothing where it has none of its own
// (a share of a fused tensor). The inverse of candidates().
std::optional<std::string> nameIn(Dialect dialect, std::string_view parameter);

// Returns whether a tensor carries nothing that a model uses: indices that follow from sizes, and
// counters of training.
bool isUnused(std::string_view name);

}  // namespace beit
