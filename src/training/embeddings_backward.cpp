#include "src/training/embeddings_backward.h"

#include <algorithm>
#include <vector>

#include "src/base/vector_size.h"
#include "src/beit/embeddings.h"
#include "src/kernels/grid_resize.h"
#include "src/training/column_sums.h"

namespace beit {

namespace {

bool isMasked(const ForwardInputs& inputs, int64_t patch) {
  return inputs.mask_shape && inputs.bool_masked_pos[static_cast<size_t>(patch)] != 0;
}

}  // namespace

TrainedEmbeddings::TrainedEmbeddings(TrainedParameters& parameters, const BeitConfig& config)
    : config_(config),
      projection_(parameters, "beit.embeddings.patch_embeddings.projection"),
      cls_token_(parameters.find("beit.embeddings.cls_token")),
      mask_token_(parameters.find("beit.embeddings.mask_token")),
      position_embeddings_(parameters.find("beit.embeddings.position_embeddings")) {}

void TrainedEmbeddings::unfold(const Execution& execution, const ForwardInputs& inputs, float* columns) const {
  const Shape& shape = inputs.pixel_values.shape;
  const Size image{shape[2], shape[3]};
  const int64_t patches = config_.patchGrid(image).area();
  for (int64_t b = 0; b < shape[0]; ++b)
    unfoldPatches(execution, inputs.pixel_values.values.data() + b * shape[1] * image.area(), shape[1], image, config_.patch_size,
                  columns + b * patches * projection_.inputs);
}

void TrainedEmbeddings::forward(const Execution& execution, const ForwardInputs& inputs, EmbeddingsScratch& scratch,
                                const ProductScratch& products, float* states) const {
  const Shape& shape = inputs.pixel_values.shape;
  const Size grid = config_.patchGrid({shape[2], shape[3]});
  const int64_t batch = shape[0], channels = config_.hidden_size, patches = grid.area();
  unfold(execution, inputs, scratch.columns.data());
  multiplyForward(execution, batch * patches, projection_, scratch.columns.data(), scratch.patches, products);

  const WorkTimer timer(execution.profile(), Work::kEmbeddings);
  std::vector<float> resized;
  if (position_embeddings_ && grid != config_.patchGrid()) {
    execution.compute([&] {
      resized = interpolateGrid(position_embeddings_->value.data() + channels, config_.patchGrid().height, config_.patchGrid().width,
                                channels, grid.height, grid.width, Interpolation::kBicubic);
    });
  }
  execution.parallelFor(static_cast<size_t>(batch * (1 + patches)), [&](size_t, size_t row) {
    const int64_t b = static_cast<int64_t>(row) / (1 + patches), token = static_cast<int64_t>(row) % (1 + patches);
    const int64_t patch = b * patches + token - 1;
    const float* from = scratch.patches + patch * channels;
    if (token == 0) from = cls_token_->value.data();
    else if (isMasked(inputs, patch)) from = mask_token_->value.data();
    float* to = states + static_cast<int64_t>(row) * channels;
    std::copy_n(from, channels, to);
    if (!position_embeddings_) return;
    const float* positions = position_embeddings_->value.data() + token * channels;
    if (token > 0 && !resized.empty()) positions = resized.data() + (token - 1) * channels;
    for (int64_t c = 0; c < channels; ++c) to[c] += positions[c];
  });
}

void TrainedEmbeddings::backward(const Execution& execution, const ForwardInputs& inputs, const float* gradient, EmbeddingsScratch& scratch,
                                 const ProductScratch& products) const {
  const Shape& shape = inputs.pixel_values.shape;
  const Size grid = config_.patchGrid({shape[2], shape[3]});
  const int64_t batch = shape[0], channels = config_.hidden_size, patches = grid.area();
  {
    const WorkTimer timer(execution.profile(), Work::kEmbeddings);
    // A masked patch's gradient is the mask token's, and not the projection's.
    execution.parallelFor(static_cast<size_t>(batch * patches), [&](size_t, size_t row) {
      const auto patch = static_cast<int64_t>(row);
      float* to = scratch.patches + patch * channels;
      if (isMasked(inputs, patch)) std::fill_n(to, channels, 0.0f);
      else std::copy_n(gradient + (patch + patch / patches + 1) * channels, channels, to);
    });
    addColumnSums<1>(execution, batch, channels, {cls_token_->gradients()},
                     [&](int64_t b, int64_t first, int64_t count, float(*to)[kColumnBlock]) {
                       const float* from = gradient + b * (1 + patches) * channels + first;
                       for (int64_t i = 0; i < count; ++i) to[0][i] += from[i];
                     });
    if (mask_token_ && inputs.mask_shape)
      addColumnSums<1>(execution, batch * patches, channels, {mask_token_->gradients()},
                       [&](int64_t patch, int64_t first, int64_t count, float(*to)[kColumnBlock]) {
                         if (!isMasked(inputs, patch)) return;
                         const float* from = gradient + (patch + patch / patches + 1) * channels + first;
                         for (int64_t i = 0; i < count; ++i) to[0][i] += from[i];
                       });
    if (position_embeddings_ && position_embeddings_->trained) {
      execution.compute([&] {
        std::vector<double> sums(vectorSize((1 + patches) * channels));
        for (int64_t b = 0; b < batch; ++b)
          for (size_t i = 0; i < sums.size(); ++i) sums[i] += static_cast<double>(gradient[static_cast<size_t>(b) * sums.size() + i]);
        float* to = position_embeddings_->gradient.data();
        for (int64_t c = 0; c < channels; ++c) to[c] += static_cast<float>(sums[static_cast<size_t>(c)]);
        sums.erase(sums.begin(), sums.begin() + channels);
        if (grid != config_.patchGrid())
          sums = interpolateGridBackward(sums.data(), config_.patchGrid().height, config_.patchGrid().width, channels, grid.height,
                                         grid.width, Interpolation::kBicubic);
        for (size_t i = 0; i < sums.size(); ++i) to[static_cast<size_t>(channels) + i] += static_cast<float>(sums[i]);
      });
    }
  }
  addRows(execution, batch * patches, channels, scratch.patches, projection_.bias->gradients());
  if (!projection_.weight->trained) return;
  unfold(execution, inputs, scratch.columns.data());
  addWeightGradient(execution, batch * patches, projection_, scratch.patches, scratch.columns.data(), products);
}

}  // namespace beit
