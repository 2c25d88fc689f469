#include "src/base/order.h"

#include <algorithm>
#include <array>

namespace beit {

std::vector<size_t> orderOf(const std::vector<SortKey>& keys) {
  // With its place behind it no key equals another, so the order of a heap, which is a few hundred bytes of code, is stable.
  std::vector<std::array<int64_t, 3>> heap;
  heap.reserve(keys.size());
  for (const auto& [first, second] : keys) heap.push_back({first, second, static_cast<int64_t>(heap.size())});
  std::make_heap(heap.begin(), heap.end());
  std::sort_heap(heap.begin(), heap.end());
  std::vector<size_t> order;
  order.reserve(heap.size());
  for (const auto& key : heap) order.push_back(static_cast<size_t>(key[2]));
  return order;
}

void sortNumbers(std::vector<size_t>& numbers) {
  sortBy(numbers, [](size_t number) { return SortKey(static_cast<int64_t>(number), 0); });
}

}  // namespace beit
