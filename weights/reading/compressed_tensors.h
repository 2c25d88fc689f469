// Matrices that a file holds quantised, as compressed-tensors writes them ("naive-quantized" and
// "int-quantized" by channel): NAME.weight of I8, NAME.weight_scale (outputs, 1) of floats beside it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "src/base/result.h"
#include "weights/reading/names/naming.h"
#include "weights/reading/tensor_index.h"

namespace beit {

// Which tensors of a table are scales, and whose.
class ScaleIndex {
 public:
  // `entries` must stay as long as this.
  explicit ScaleIndex(const std::vector<TensorEntry>& entries);

  // Returns the name that a matrix's scales have.
  static std::string nameOf(std::string_view matrix) { return std::string(matrix) + "_scale"; }
  // Returns the name of the matrix whose scales are called so, or nothing where no scales are.
  static std::optional<std::string_view> matrixOf(std::string_view name);

  // Returns the entry of the scales of a matrix of that name (of several the first), or null.
  const TensorEntry* of(std::string_view matrix) const;

 private:
  std::unordered_map<std::string_view, const TensorEntry*> by_matrix_;
};

// Returns whether a tensor of I8 can be a matrix's integers: those of a weight with one row an output.
bool canBeQuantized(const TensorEntry& entry, TensorLayout layout);

// Returns an error where a scale is no number above 0; `where` names the tensor.
Status checkScales(std::span<const float> scales, std::string where);

// values[i] = the i-th of the `count` integers that `values` begins with, times the scale of its row.
void dequantizeInPlace(float* values, size_t count, std::span<const float> scales);

}  // namespace beit
