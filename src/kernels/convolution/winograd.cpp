#include "src/kernels/convolution/winograd.h"

#include <cassert>
#include <utility>

#include "src/kernels/convolution/winograd_tiles.h"

namespace beit {

using namespace winograd;

Status WinogradConvolution::make(const Execution& execution, const float* kernel, int64_t total_inputs, int64_t first, const float* scale,
                                 const float* bias) {
  const int64_t inputs = inputs_, outputs = outputs_;
  BEIT_ASSIGN(bias_, FloatBuffer::allocate(outputs, "a convolution's bias"));
  for (int64_t o = 0; o < outputs; ++o) bias_.data()[o] = bias ? bias[o] : 0.0f;
  // A line of points at a time, so that no copy of all 36 matrices is made beside the packed ones.
  BEIT_ASSIGN(FloatBuffer matrices, FloatBuffer::allocate(kSide * outputs * inputs, "a transformed kernel"));
  for (int64_t line = 0; line < kSide; ++line) {
    execution.parallelFor(static_cast<size_t>(outputs), [&](size_t, size_t output) {
      const auto o = static_cast<int64_t>(output);
      for (int64_t i = 0; i < inputs; ++i) {
        double points[kSide];
        transformKernel(kernel + (o * total_inputs + first + i) * 9, static_cast<double>(scale[o]), line, points);
        for (int64_t j = 0; j < kSide; ++j) matrices.data()[(j * outputs + o) * inputs + i] = static_cast<float>(points[j]);
      }
    });
    for (int64_t j = 0; j < kSide; ++j) {
      BEIT_ASSIGN(PackedMatrix matrix,
                  PackedMatrix::pack(execution, inputs, outputs, matrices.data() + j * outputs * inputs, inputs, nullptr));
      matrices_.push_back(std::move(matrix));
    }
  }
  return {};
}

Status WinogradConvolution::run(const Execution& execution, const FeatureMap& input, int64_t first_row, int64_t rows, float* output,
                                bool relu) const {
  assert(input.channels == inputs_ && first_row % kTile == 0 && rows <= kRowsPerBand);
  const int64_t across = (input.size.width + kTile - 1) / kTile, down = (rows + kTile - 1) / kTile, tiles = down * across;
  const WorkTimer timer(execution.profile(), Work::kConvolution, 2.0 * static_cast<double>(kPoints * tiles * inputs_ * outputs_));
  BEIT_ASSIGN(FloatBuffer points, execution.workspace().floats(kPoints * tiles * inputs_, "transformed inputs"));
  BEIT_ASSIGN(FloatBuffer products, execution.workspace().floats(kPoints * tiles * outputs_, "products"));
  execution.parallelFor(static_cast<size_t>(tiles), [&](size_t, size_t i) {
    const auto tile = static_cast<int64_t>(i);
    transformInputTile(input, first_row + tile / across * kTile - 1, tile % across * kTile - 1, points.data() + tile * inputs_,
                       tiles * inputs_);
  });
  for (size_t p = 0; p < matrices_.size(); ++p) {
    const auto of_point = static_cast<int64_t>(p) * tiles;
    matrices_[p].multiply(execution, tiles, points.data() + of_point * inputs_, inputs_, products.data() + of_point * outputs_, outputs_);
  }
  transformProductTiles(execution, products.data(), {rows, input.size.width}, outputs_, bias_.data(), relu, output);
  return {};
}

}  // namespace beit
