#include "src/beit/embeddings.h"

#include <algorithm>

#include "src/kernels/grid_resize.h"

namespace beit {

void unfoldPatches(const Execution& execution, const float* image, int64_t planes, Size size, Size patch, float* columns) {
  const WorkTimer timer(execution.profile(), Work::kEmbeddings);
  const Size grid{size.height / patch.height, size.width / patch.width};
  execution.parallelFor(static_cast<size_t>(grid.height), [&](size_t, size_t row) {
    const auto y = static_cast<int64_t>(row);
    float* to = columns + y * grid.width * planes * patch.area();
    for (int64_t x = 0; x < grid.width; ++x)
      for (int64_t plane = 0; plane < planes; ++plane)
        for (int64_t line = 0; line < patch.height; ++line, to += patch.width)
          std::copy_n(image + (plane * size.height + y * patch.height + line) * size.width + x * patch.width, patch.width, to);
  });
}

Status checkInputs(const ForwardInputs& inputs, const BeitConfig& config, bool values) {
  const Shape& shape = inputs.pixel_values.shape;
  const auto wrong = [](std::string where, std::string got, std::string expected) {
    return mismatch(ErrorCode::kWrongShape, std::move(where), std::move(got), std::move(expected));
  };
  constexpr int64_t kMaxPixels = 65536;  // a side
  if (shape.size() != 4 || shape[0] < 1 || shape[1] != config.num_channels || shape[2] < config.patch_size.height ||
      shape[3] < config.patch_size.width || shape[2] > kMaxPixels || shape[3] > kMaxPixels)
    return wrong("pixel_values", toString(shape),
                 "(batch, " + std::to_string(config.num_channels) + ", height of at least " + std::to_string(config.patch_size.height) +
                     ", width of at least " + std::to_string(config.patch_size.width) + ")");
  if (values && static_cast<int64_t>(inputs.pixel_values.values.size()) != elementCount(shape))
    return wrong("pixel_values", std::to_string(inputs.pixel_values.values.size()) + " values", "as many as " + toString(shape) + " holds");
  if (!inputs.mask_shape) return {};
  if (!config.use_mask_token)
    return mismatch(ErrorCode::kInvalidArgument, "bool_masked_pos", "a mask",
                    "none, since this model has no mask token (use_mask_token is false)");
  const Shape expected{shape[0], config.patchGrid({shape[2], shape[3]}).area()};
  if (*inputs.mask_shape != expected || static_cast<int64_t>(inputs.bool_masked_pos.size()) != expected[0] * expected[1])
    return wrong("bool_masked_pos", toString(*inputs.mask_shape), toString(expected));
  return {};
}

void Embeddings::declare(const Execution& execution, ParameterList& parameters, const std::string& prefix, const BeitConfig& config) {
  config_ = &config;
  const int64_t channels = config.hidden_size;
  parameters.add(prefix + ".cls_token", {1, 1, channels}, cls_token_);
  if (config.use_mask_token) parameters.add(prefix + ".mask_token", {1, 1, channels}, mask_token_);
  if (config.use_absolute_position_embeddings)
    parameters.add(prefix + ".position_embeddings", {1, 1 + config.patchGrid().area(), channels}, position_embeddings_);
  // A convolution whose stride is its kernel is a linear layer over the patch's pixels.
  projection_.declareConvolution(execution, parameters, prefix + ".patch_embeddings.projection",
                                 {channels, config.num_channels, config.patch_size.height, config.patch_size.width});
}

Status Embeddings::embedPatches(const Execution& execution, const Tensor& pixel_values, Size grid, int64_t first, int64_t count,
                                float* states) const {
  const Shape& shape = pixel_values.shape;
  const Size image{shape[2], shape[3]};
  const int64_t planes = shape[1], channels = config_->hidden_size;
  const int64_t patches = grid.area(), pixels = planes * config_->patch_size.area();
  BEIT_ASSIGN(FloatBuffer columns, execution.workspace().floats(patches * pixels, "patches"));
  for (int64_t b = first; b < first + count; ++b) {
    unfoldPatches(execution, pixel_values.values.data() + b * planes * image.area(), planes, image, config_->patch_size, columns.data());
    // embeddings = self.projection(pixel_values).flatten(2).transpose(1, 2)
    BEIT_TRY(projection_.run(execution, patches, columns.data(), states + (b * (1 + patches) + 1) * channels));
  }
  return {};
}

Status Embeddings::run(const Execution& execution, const ForwardInputs& inputs, int64_t first, int64_t count, float* states) const {
  const Shape& shape = inputs.pixel_values.shape;
  const Size grid = config_->patchGrid({shape[2], shape[3]});
  const int64_t channels = config_->hidden_size, patches = grid.area();
  BEIT_TRY(embedPatches(execution, inputs.pixel_values, grid, first, count, states));
  if (execution.workspace().counting()) return {};

  const WorkTimer timer(execution.profile(), Work::kEmbeddings);
  std::vector<float> resized;
  const float* positions = position_embeddings_.data();
  if (!position_embeddings_.empty() && grid != config_->patchGrid()) {
    resized = interpolateGrid(positions + channels, config_->patchGrid().height, config_->patchGrid().width, channels, grid.height,
                              grid.width, Interpolation::kBicubic);
    resized.insert(resized.begin(), positions, positions + channels);
    positions = resized.data();
  }
  for (int64_t b = first; b < first + count; ++b) {
    float* sequence = states + b * (1 + patches) * channels;
    std::copy_n(cls_token_.data(), channels, sequence);
    // embeddings * (1 - w) + mask_tokens * w with w 0 or 1
    if (inputs.mask_shape)
      for (int64_t p = 0; p < patches; ++p)
        if (inputs.bool_masked_pos[static_cast<size_t>(b * patches + p)])
          std::copy_n(mask_token_.data(), channels, sequence + (1 + p) * channels);
    if (positions)
      for (int64_t i = 0; i < (1 + patches) * channels; ++i) sequence[i] += positions[i];
  }
  return {};
}

}  // namespace beit
