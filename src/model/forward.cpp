#include "src/model/forward.h"

#include <utility>

namespace beit {

Result<bool> ForwardPass::step() {
  if (done_ == steps_.size()) return true;
  // The step is taken out first, so that what it holds is given back as soon as it is done. Moving is
  // not enough: libc++ leaves a copy of a small function behind.
  const size_t index = done_;
  const Step step = std::exchange(steps_[index], nullptr);
  done_ = steps_.size();  // where it stays if the step fails or throws
  BEIT_TRY(step(*this));
  done_ = index + 1;
  return done_ == steps_.size();
}

}  // namespace beit
