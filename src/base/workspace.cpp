#include "src/base/workspace.h"

#include <algorithm>
#include <cassert>

namespace beit {

Result<FloatBuffer> Workspace::floats(int64_t count, std::string_view purpose) const {
  return FloatBuffer::allocate(count, purpose, count_);
}

Result<Tensor> Workspace::tensor(Shape shape, std::string_view purpose) const {
  return Tensor::allocate(std::move(shape), purpose, count_);
}

void Workspace::keep(const void* keeper, int64_t bytes) {
  if (!count_ || std::find(keepers_.begin(), keepers_.end(), keeper) != keepers_.end()) return;
  keepers_.push_back(keeper);
  count_->take(bytes);
}

Workspace::Counting::Counting(Workspace& workspace) : workspace_(workspace) {
  assert(!workspace.counting());
  workspace.count_ = &count_;
}

Workspace::Counting::~Counting() {
  workspace_.count_ = nullptr;
  workspace_.keepers_ = std::vector<const void*>();  // {} would keep its memory
}

}  // namespace beit
