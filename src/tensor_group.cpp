#include "src/tensor_group.h"

namespace beit {

void TensorGroup::add(ParameterList& parameters, std::string name, Shape shape, FloatBuffer& slot) {
  ++missing_small_;
  parameters.add(std::move(name), std::move(shape), [this, &slot](std::span<float> values) -> Status {
    BEIT_ASSIGN(slot, FloatBuffer::copyOf(values, "a parameter"));
    --missing_small_;
    if (missing_small_ > 0 || waiting_.empty()) return {};
    FloatBuffer large = std::move(waiting_);
    return make_(large.span());
  });
}

void TensorGroup::addLarge(ParameterList& parameters, std::string name, Shape shape, Make make, int64_t bytes) {
  make_ = std::move(make);
  parameters.add(std::move(name), std::move(shape), [this](std::span<float> values) -> Status {
    if (missing_small_ == 0) return make_(values);
    BEIT_ASSIGN(waiting_, FloatBuffer::copyOf(values, "a weight that waits for its bias"));
    return {};
  }, bytes);
}

}  // namespace beit
