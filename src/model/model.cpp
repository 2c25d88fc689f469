#include "src/model/model.h"

namespace beit {

MemoryEstimate Model::estimate() const {
  constexpr int64_t kSmallThings = 32 << 10;  // steps, shapes and names, slack behind each buffer, what malloc rounds up
  return {parameters_.bytes(), activationBytes() + kSmallThings, parameters_.largestBytes()};
}

Result<std::unique_ptr<ForwardPass>> Model::begin(ForwardInputs inputs, const ForwardOptions& options) {
  BEIT_TRY(parameters_.complete());
  auto pass = std::make_unique<ForwardPass>();
  BEIT_TRY(addSteps(*pass, std::make_shared<const ForwardInputs>(std::move(inputs)), options));
  return pass;
}

}  // namespace beit
