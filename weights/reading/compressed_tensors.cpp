#include "weights/reading/compressed_tensors.h"

#include <cmath>
#include <cstring>

#include "src/base/real_text.h"

namespace beit {

ScaleIndex::ScaleIndex(const std::vector<TensorEntry>& entries) {
  for (const TensorEntry& entry : entries)
    if (const auto matrix = matrixOf(entry.name)) by_matrix_.emplace(*matrix, &entry);
}

std::optional<std::string_view> ScaleIndex::matrixOf(std::string_view name) {
  constexpr std::string_view kEnd = ".weight_scale", kMatrix = ".weight";
  if (!name.ends_with(kEnd)) return std::nullopt;
  return name.substr(0, name.size() - kEnd.size() + kMatrix.size());
}

const TensorEntry* ScaleIndex::of(std::string_view matrix) const {
  const auto found = by_matrix_.find(matrix);
  return found == by_matrix_.end() ? nullptr : found->second;
}

bool canBeQuantized(const TensorEntry& entry, TensorLayout layout) {
  return entry.dtype == DType::kI8 && entry.shape.size() >= 2 && entry.name.ends_with(".weight") && entry.strides.empty() &&
         layout == TensorLayout::kSame;
}

Status checkScales(std::span<const float> scales, std::string where) {
  for (size_t i = 0; i < scales.size(); ++i)
    if (!(std::isfinite(scales[i]) && scales[i] > 0.0f))
      return mismatch(ErrorCode::kMalformed, std::move(where),
                      "the scale " + realText(static_cast<double>(scales[i])) + " of output " + std::to_string(i),
                      "finite numbers above 0");
  return {};
}

void dequantizeInPlace(float* values, size_t count, std::span<const float> scales) {
  const auto* whole = reinterpret_cast<const unsigned char*>(values);
  const size_t row = count / scales.size();
  // From the end: a float goes where only integers behind its own lie.
  for (size_t r = scales.size(); r-- > 0;)
    for (size_t i = (r + 1) * row; i-- > r * row;) {
      int8_t number;
      std::memcpy(&number, whole + i, 1);
      values[i] = static_cast<float>(number) * scales[r];
    }
}

}  // namespace beit
