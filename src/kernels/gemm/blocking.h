// How a product of `rows` rows and a packed matrix is cut: into tiles, which a kernel computes in
// registers, and into tasks for threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "src/kernels/execution.h"
#include "src/kernels/simd.h"

namespace beit {

// Four rows of eight columns: 8 accumulators, 2 vectors of the panel, one of the rows and one product
// fit the 16 registers of x86, wherever an engine puts its loads.
constexpr int64_t kMr = 4;
constexpr int64_t kNr = 8;  // a panel: the columns that are packed together

// The most panels that a tile takes at once.
constexpr int64_t kMostPanels = 2;

constexpr int64_t panelsOf(int64_t columns) { return (columns + kNr - 1) / kNr; }

// Calls body(0) to body(kRows - 1), written out: compilers leave a loop of five a loop, with its sums in memory, and so a function
// that they do not inline.
template <int64_t kRows, typename Body>
[[gnu::always_inline]] inline void unrollRows(const Body& body) {
  [&]<int64_t... kRow>(std::integer_sequence<int64_t, kRow...>) __attribute__((always_inline)) { (body(kRow), ...); }
  (std::make_integer_sequence<int64_t, kRows>());
}

// Runs the steps of a tile's inner loop, at least one: four in a row, step(0) to step(3) with constants,
// then advance(), and so on, `count` steps in all.
// V8 schedules all loads of a basic block before its arithmetic, so that a body of several steps would
// spill accumulators; a way out after each step ends the block, and keeps every accumulator in its
// register. One step a turn costs as many instructions for the loop as for the sums. What that is worth
// is told in ARCHITECTURE.md, "Matrix products".
template <typename Step, typename Advance>
[[gnu::always_inline]] inline void unrollSteps(size_t count, const Step& step, const Advance& advance) {
  while (true) {
    step(std::integral_constant<size_t, 0>{});
    if (count == 1) break;
    step(std::integral_constant<size_t, 1>{});
    if (count == 2) break;
    step(std::integral_constant<size_t, 2>{});
    if (count == 3) break;
    step(std::integral_constant<size_t, 3>{});
    if (count == 4) break;
    count -= 4;
    advance();
  }
}

// What becomes of the sums before they are stored.
struct GemmEpilogue {
  bool accumulate = false;  // they are added to what is there
  bool relu = false;        // then negative ones become 0; NaN stays
};

// Stores the first `columns` of a tile's row of eight.
inline void storeRow(F32x4 low, F32x4 high, int64_t columns, GemmEpilogue epilogue, float* output) {
  if (columns == kNr && !epilogue.accumulate && !epilogue.relu) {  // most
    float* to = adjacentFrom(output);
    store4(to, low);
    store4(to + 4, high);
    return;
  }
  float row[kNr] = {};
  const bool whole = columns == kNr;
  if (epilogue.accumulate) {
    const float* old = output;
    if (!whole) old = std::copy_n(output, columns, row) - columns;
    low += load4(old);
    high += load4(old + 4);
  }
  if (epilogue.relu) {
    low = max4(low, splat4(0.0f));
    high = max4(high, splat4(0.0f));
  }
  float* to = whole ? output : row;
  store4(to, low);
  store4(to + 4, high);
  if (!whole) std::copy_n(row, columns, output);
}

// Calls tile(first, count) for tiles of at most `max_rows` rows that make up `rows`, as even as can be: a tile of few
// rows costs as much as one of four.
template <typename Tile>
void forTiles(int64_t rows, int64_t max_rows, const Tile& tile) {
  int64_t row = 0;
  for (int64_t tiles = (rows + max_rows - 1) / max_rows; tiles > 0; --tiles) {
    const int64_t count = (rows - row + tiles - 1) / tiles;
    tile(row, count);
    row += count;
  }
}

// Calls task(thread, panel) on the pool for all of `panels`, a few in a row: for what makes them.
template <typename Task>
void forPanels(const Execution& execution, int64_t panels, const Task& task) {
  constexpr int64_t kPanels = 4;
  execution.parallelFor(static_cast<size_t>((panels + kPanels - 1) / kPanels), [&](size_t thread, size_t i) {
    const int64_t first = static_cast<int64_t>(i) * kPanels;
    for (int64_t panel = first; panel < std::min(panels, first + kPanels); ++panel) task(thread, panel);
  });
}

// Calls task(thread, first_row, last_row, first_panel, last_panel) on the pool for all of rows x panels,
// `last` being one past. A task goes through its panels and, for each, through its rows: so few rows that all
// of them (row_bytes each) stay in a second-level cache, so few panels that up to eight threads end
// together.
template <typename Task>
void forGemmTasks(const Execution& execution, int64_t rows, int64_t panels, int64_t row_bytes, const Task& task) {
  constexpr int64_t kBlockBytes = 640 << 10;  // 197 rows of 768 floats in one
  constexpr int64_t kTasksPerThread = 32;
  if (rows <= 0 || panels <= 0) return;
  const auto divide = [](int64_t a, int64_t b) { return (a + b - 1) / b; };
  const int64_t most_rows = std::max<int64_t>(kBlockBytes / row_bytes, 4 * kMr);
  const int64_t block_rows = divide(divide(rows, divide(rows, most_rows)), kMr) * kMr;
  const int64_t blocks = divide(rows, block_rows);
  const int64_t wanted = execution.threads() == 1 ? 1 : divide(kTasksPerThread * execution.threads(), blocks);
  const int64_t group_panels = divide(panels, std::min(panels, wanted));
  const int64_t groups = divide(panels, group_panels);
  execution.parallelFor(static_cast<size_t>(blocks * groups), [&](size_t thread, size_t i) {
    const int64_t row = static_cast<int64_t>(i) / groups * block_rows;
    const int64_t panel = static_cast<int64_t>(i) % groups * group_panels;
    task(thread, row, std::min(rows, row + block_rows), panel, std::min(panels, panel + group_panels));
  });
}

}  // namespace beit
