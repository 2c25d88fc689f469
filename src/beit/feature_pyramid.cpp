#include "src/beit/feature_pyramid.h"

#include "src/kernels/activation.h"

namespace beit {

void FeaturePyramid::declare(const Execution& execution, ParameterList& parameters, int64_t channels) {
  fpn1_first_.declare(execution, parameters, "fpn1.0", channels, /*norm_prefix=*/"fpn1.1");
  fpn1_second_.declare(execution, parameters, "fpn1.3", channels, /*norm_prefix=*/"");
  fpn2_.declare(execution, parameters, "fpn2.0", channels, /*norm_prefix=*/"");
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
      BEIT_ASSIGN(FeatureMap half, FeatureMap::allocate(execution.workspace(), {input.size.height / 2, input.size.width / 2},
                                                        input.channels, "a feature map"));
      maxPool2(execution, input, half);
      return half;
    }
  }
}

}  // namespace beit
