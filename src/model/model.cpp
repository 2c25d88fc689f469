#include "src/model/model.h"

namespace beit {

// The steps of one run; on a workspace that counts, and so before the weights have come.
Status Model::runTypical() {
  BEIT_ASSIGN(ForwardInputs inputs, typicalInputs());
  ForwardPass pass;
  BEIT_TRY(addSteps(pass, std::make_shared<const ForwardInputs>(std::move(inputs)), {}));
  for (bool done = false; !done;) {
    BEIT_ASSIGN(done, pass.step());
  }
  return {};
}

MemoryEstimate Model::estimate() {
  constexpr int64_t kSmallThings = 32 << 10;  // steps, shapes and names, what malloc rounds up
  const WorkProfile profile = execution_.profile();
  int64_t activations = kSmallThings;
  {
    const Workspace::Counting counting(execution_.workspace());
    const Status ran = runTypical();
    activations += counting.most();
    if (!ran.ok()) activations += ran.error().bytes;
  }
  execution_.profile() = profile;
  return {parameters_.bytes(), activations, parameters_.largestBytes()};
}

Result<std::unique_ptr<ForwardPass>> Model::begin(ForwardInputs inputs, const ForwardOptions& options) {
  BEIT_TRY(parameters_.complete());
  auto pass = std::make_unique<ForwardPass>();
  BEIT_TRY(addSteps(*pass, std::make_shared<const ForwardInputs>(std::move(inputs)), options));
  return pass;
}

}  // namespace beit
