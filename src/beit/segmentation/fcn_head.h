// The auxiliary head of segmentation, used only in the loss. Reference: BeitFCNHead.
#pragma once

#include <memory>
#include <vector>

#include "src/beit/config.h"
#include "src/layers/conv_module.h"

namespace beit {

class FcnHead {
 public:
  // Adds the parameters under "auxiliary_head.".
  void declare(const Execution& execution, ParameterList& parameters, const BeitConfig& config);

  // Returns the logits (h, w, L) of level 2, (h, w, C).
  Result<FeatureMap> run(const Execution& execution, const FeatureMap& features) const;

 private:
  std::vector<std::unique_ptr<ConvModule>> convs_;
  std::unique_ptr<ConvModule> conv_cat_;  // with auxiliary_concat_input
  ConvModule classifier_;
};

}  // namespace beit
