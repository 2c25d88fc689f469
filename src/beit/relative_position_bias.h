// The learned bias that BEiT adds to attention scores by the relative position of two tokens.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/base/tensor.h"
#include "src/beit/config.h"
#include "src/parameters/parameters.h"

namespace beit {

// A bias table laid out for one grid of patches, so that the bias of a row of scores is a run of
// consecutive floats for each row of patches: no (H, T, T) array is ever made.
class GridBias {
 public:
  GridBias() = default;
  // `table` is ((2h-1)(2w-1) + 3, heads) in the reference's order, for that grid.
  GridBias(const std::vector<float>& table, Size grid, int64_t heads);

  bool empty() const { return values_.empty(); }

  // scores[t] += bias(head, token, t) for all tokens t = 0..P; token 0 is cls.
  void addToRow(int64_t head, int64_t token, float* scores) const;

 private:
  Size grid_{};
  // (heads, 2h-1, 2w-1), the last index mirrored: it grows with the other token's column.
  std::vector<float> values_;
  // (heads, 3): cls to token, token to cls, cls to cls
  std::vector<float> cls_;
};

// Reference: BeitRelativePositionBias.
class RelativePositionBias {
 public:
  // Adds "PREFIX.relative_position_bias_table", ((2h-1)(2w-1) + 3, heads), for the config's grid.
  void declare(ParameterList& parameters, const std::string& prefix, const BeitConfig& config);

  bool declared() const { return heads_ != 0; }
  int64_t heads() const { return heads_; }

  // Returns the table for that grid, in the reference's order, resized as the config says where it
  // is not the pre-trained one (see resizeBiasTable).
  std::vector<float> tableFor(Size grid) const;

 private:
  Size grid_{};
  RelativePositionBiasResize resize_ = RelativePositionBiasResize::kTransformers;
  int64_t heads_ = 0;
  FloatBuffer table_;
};

}  // namespace beit
