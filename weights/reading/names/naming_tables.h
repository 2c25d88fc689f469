// The naming families as data. In a pattern '#' is a number and '*' (last) is the rest of the name.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "weights/reading/names/naming.h"

namespace beit {

struct NamingRule {
  std::string_view file;
  // One parameter, or the three that a fused tensor holds in thirds of its first axis.
  std::array<std::string_view, 3> parameters;
  TensorLayout layout = TensorLayout::kSame;
  bool other_readings = false;  // a later rule may apply as well, where the model lacks this parameter
};

struct NamingFamily {
  Dialect dialect;
  std::string_view name;
  std::string_view witness;           // a pattern that some tensor of every such checkpoint has, and of no earlier family
  std::span<const NamingRule> rules;  // the first that applies counts
};

// In order of detection.
extern const std::span<const NamingFamily> kNamingFamilies;

}  // namespace beit
