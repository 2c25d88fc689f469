#pragma once

#include <string>
#include <string_view>

namespace beit {

// Returns the name that the same class has in PyTorch's BEiT: the Flax classes compute what PyTorch's do, and
// Data2VecVision is the same model.
std::string plainClassName(std::string_view class_name);

}  // namespace beit
