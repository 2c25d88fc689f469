#include "src/beit/feature_pyramid.h"

#include <algorithm>

#include "src/kernels/activation.h"

namespace beit {

void FeaturePyramid::declare(ParameterList& parameters, int64_t channels) {
  fpn1_first_.declare(parameters, "fpn1.0", channels, /*norm_prefix=*/"fpn1.1");
  fpn1_second_.declare(parameters, "fpn1.3", channels, /*norm_prefix=*/"");
  fpn2_.declare(parameters, "fpn2.0", channels, /*norm_prefix=*/"");
}

Result<FeatureMap> FeaturePyramid::run(const Execution& execution, size_t level, FeatureMap input) const {
  switch (level) {
    case 0: {  // fpn1: ConvTranspose → BatchNorm → GELU → ConvTranspose
      BEIT_ASSIGN(FeatureMap doubled, fpn1_first_.run(execution, input));
      applyActivation(execution, Activation::kGelu, doubled.data(), doubled.count());
      return fpn1_second_.run(execution, doubled);
    }
    case 1: return fpn2_.run(execution, input);
    case 2: return input;
    default: {
      BEIT_ASSIGN(FeatureMap half, FeatureMap::allocate({input.size.height / 2, input.size.width / 2}, input.channels, "a feature map"));
      maxPool2(input, half);
      return half;
    }
  }
}

int64_t FeaturePyramid::mapBytes(size_t level, Size grid, int64_t channels) {
  switch (level) {
    case 0: return 4 * 16 * grid.area() * channels;
    case 1: return 4 * 4 * grid.area() * channels;
    case 2: return 4 * grid.area() * channels;
    default: return 4 * (grid.height / 2) * (grid.width / 2) * channels;
  }
}

int64_t FeaturePyramid::levelBytes(size_t level, Size grid, int64_t channels, int threads) const {
  const int64_t states = 4 * grid.area() * channels, map = mapBytes(level, grid, channels);
  const Size twice{2 * grid.height, 2 * grid.width};
  int64_t making = states + map;
  if (level == 0) making = states + std::max(fpn1_first_.runBytes(grid, threads), 4 * states + fpn1_second_.runBytes(twice, threads));
  if (level == 1) making = states + fpn2_.runBytes(grid, threads);
  return std::max(making, 2 * map);
}

}  // namespace beit
