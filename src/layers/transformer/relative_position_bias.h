// The learned bias that BEiT adds to attention scores by the relative position of two tokens.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/base/tensor.h"
#include "src/layers/transformer/bias_table_resize.h"
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

struct RelativePositionBiasSpec {
  Size grid{};  // of patches, that the table was trained for
  int64_t heads = 0;
  RelativePositionBiasResize resize = RelativePositionBiasResize::kTransformers;  // to another grid
};

// Reference: BeitRelativePositionBias.
class RelativePositionBias {
 public:
  // Adds "PREFIX.relative_position_bias_table", ((2h-1)(2w-1) + 3, heads), for the grid that it was trained for.
  void declare(ParameterList& parameters, const std::string& prefix, const RelativePositionBiasSpec& spec);

  bool declared() const { return spec_.heads != 0; }
  int64_t heads() const { return spec_.heads; }

  // Returns the table for that grid, in the reference's order, resized where it is not the one that
  // the table was trained for (see resizeBiasTable).
  std::vector<float> tableFor(Size grid) const;

 private:
  RelativePositionBiasSpec spec_;
  FloatBuffer table_;
};

}  // namespace beit
