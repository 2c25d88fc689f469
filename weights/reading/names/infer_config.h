// The config of a checkpoint that comes without config.json (timm, unilm, DALL-E), as far as its
// tensors' names and shapes tell it.
#pragma once

#include <string>
#include <vector>

#include "src/base/result.h"
#include "weights/reading/tensor_index.h"

namespace beit {

// Returns the text of a config.json: config.h's fields for a BEiT, dalle_tokenizer.h's for half a
// tokenizer, and "architectures" with the class that the heads make it. What shapes do not tell is
// assumed: square images and patch grids; heads of 64 where no bias table counts them; images of 224
// pixels where no position parameter tells; LayerNorm's epsilon 1e-6 for timm's and unilm's names and
// 1e-12 for others; out_indices [3, 5, 7, 11] scaled to the layers; pool_scales [1, 2, 3, 6].
// Errors: kUnsupported for names of no known family; kMissingTensor where the tensors that tell sizes
// are not there; kWrongShape where they contradict each other.
Result<std::string> deriveConfig(const std::vector<TensorEntry>& entries);

}  // namespace beit
