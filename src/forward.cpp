#include "src/forward.h"

namespace beit {

Result<bool> ForwardPass::step() {
  if (done_ == steps_.size()) return true;
  // The step is moved out first, so that what it holds is given back as soon as it is done.
  const Step step = std::move(steps_[done_]);
  if (Status status = step(*this); !status) {
    done_ = steps_.size();
    return std::move(status).error();
  }
  ++done_;
  return done_ == steps_.size();
}

}  // namespace beit
