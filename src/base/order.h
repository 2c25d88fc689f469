// Sorting, once for all types: each std::sort of another type is two to four kB of wasm. What is sorted has integers
// for keys, is read once a checkpoint, and has a million items at most.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace beit {

// The first decides, then the second.
using SortKey = std::pair<int64_t, int64_t>;

// Returns 0, 1, … in ascending order of the keys at these places. Equal ones stay in order.
std::vector<size_t> orderOf(const std::vector<SortKey>& keys);

// Sorts items by `key(item)`, a SortKey. Equal ones stay in order.
template <typename T, typename Key>
void sortBy(std::vector<T>& items, Key key) {
  std::vector<SortKey> keys;
  keys.reserve(items.size());
  for (const T& item : items) keys.push_back(key(item));
  std::vector<T> sorted;
  sorted.reserve(items.size());
  for (const size_t place : orderOf(keys)) sorted.push_back(std::move(items[place]));
  items = std::move(sorted);
}

// Sorts numbers.
void sortNumbers(std::vector<size_t>& numbers);

}  // namespace beit
