#include "weights/reading/tensor_index.h"

#include "src/base/order.h"

namespace beit {

void sortByOffset(std::vector<TensorEntry>& entries) {
  sortBy(entries, [](const TensorEntry& entry) { return SortKey(entry.offset, entry.bytes); });
}

}  // namespace beit
