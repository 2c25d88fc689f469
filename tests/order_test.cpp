#include "src/base/order.h"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>

namespace beit {

TEST_CASE("items are sorted by two keys, and equal ones stay in order", "[order]") {
  struct Item {
    int64_t first, second;
    std::string name;
  };
  std::vector<Item> items;
  uint64_t random = 1;
  for (int i = 0; i < 1000; ++i) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    items.push_back({static_cast<int64_t>(random >> 60) - 8, static_cast<int64_t>(random >> 56 & 3), std::to_string(i)});
  }
  std::vector<Item> expected = items;
  std::stable_sort(expected.begin(), expected.end(),
                   [](const Item& a, const Item& b) { return SortKey(a.first, a.second) < SortKey(b.first, b.second); });
  sortBy(items, [](const Item& item) { return SortKey(item.first, item.second); });
  REQUIRE(items.size() == expected.size());
  for (size_t i = 0; i < items.size(); ++i) CHECK(items[i].name == expected[i].name);
}

TEST_CASE("the order of keys is of places, with the limits of int64 at its ends", "[order]") {
  CHECK(orderOf({}).empty());
  CHECK(orderOf({{INT64_MAX, 0}, {0, 1}, {INT64_MIN, 0}, {0, 0}}) == std::vector<size_t>{2, 3, 1, 0});
  std::vector<size_t> numbers{5, 1, 5, 0};
  sortNumbers(numbers);
  CHECK(numbers == std::vector<size_t>{0, 1, 5, 5});
}

}  // namespace beit
