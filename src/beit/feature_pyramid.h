// From four maps of one size to four sizes: 4, 2, 1 and 1/2 times the patch grid. Reference: fpn1 to
// fpn4 of BeitForSemanticSegmentation and BeitBackbone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "src/kernels/feature_map.h"
#include "src/layers/transposed_convolution.h"
#include "src/parameters/parameters.h"

namespace beit {

class FeaturePyramid {
 public:
  static constexpr size_t kLevels = 4;

  // Adds "fpn1.{0,1,3}.*" and "fpn2.0.*".
  void declare(const Execution& execution, ParameterList& parameters, int64_t channels);

  // Returns level 0..3 made of that level's map.
  Result<FeatureMap> run(const Execution& execution, size_t level, FeatureMap input) const;

 private:
  TransposedConvolution fpn1_first_, fpn1_second_, fpn2_;
};

}  // namespace beit
