#include "src/forward.h"

namespace beit {

Result<bool> ForwardPass::step() {
  if (done_ == steps_.size()) return true;
  // The step is moved out first, so that what it holds is given back as soon as it is done.
  const size_t index = done_;
  const Step step = std::move(steps_[index]);
  done_ = steps_.size();  // where it stays if the step fails or throws
  BEIT_TRY(step(*this));
  done_ = index + 1;
  return done_ == steps_.size();
}

}  // namespace beit
