#include "src/kernels/gemm/w8a16.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "src/kernels/simd.h"

namespace beit {

namespace {

// What weights of 8 bits can be: those of other quantisers may be -128.
constexpr int64_t kWeightMost = 128;

// Widens panels for the rows that follow: 16-bit operands spare each tile a conversion, and matrices stay a quarter of
// f32's size.
[[gnu::noinline]] void widenPanels(size_t count, const int8_t* panels, int16_t* to) {
  for (size_t i = 0; i < count; i += 2 * kNr) {  // whole pairs
    const I16x8 low = loadWidened8(panels + i), high = loadWidened8(panels + i + 8);
    int16_t* at = adjacentFrom(to + i);
    std::memcpy(at, &low, sizeof low);
    std::memcpy(at + 8, &high, sizeof high);
  }
}

// sums (kMr, kPanels, 8) = start + a tile of pairs of integers. They begin as what is loaded, zeros too, and are stored a row after the
// other, so that V8 can join the two vectors of a row and all that they are made of (see adjacentFrom()).
template <int64_t kPanels>
[[gnu::noinline]] void sumPairs(size_t depth, const int16_t* input, const int16_t* panel, const int32_t* start, int32_t* sums) {
  const int16_t* panels[kPanels];
  I32x4 low[kMr * kPanels], high[kMr * kPanels];
  unrollRows<kPanels>([&](int64_t p) { panels[p] = panel + p * static_cast<int64_t>(depth) * kNr; });
  unrollRows<kMr * kPanels>([&](int64_t j) {
    const int32_t* from = adjacentFrom(start + j * kNr);
    low[j] = loadIntegers4(from);
    high[j] = loadIntegers4(from + 4);
  });
  const auto step = [&](auto pair) {
    I16x8 panel_low[kPanels], panel_high[kPanels];
    unrollRows<kPanels>([&](int64_t p) {
      const int16_t* at = panels[p] + pair * 2 * kNr;
      panel_low[p] = load8(at);
      panel_high[p] = load8(at + 8);
    });
    I16x8 values{};
    unrollRows<kMr * kPanels>([&](int64_t j) {
      if (j % kPanels == 0) values = splatPair(input + (static_cast<int64_t>(pair) * kMr + j / kPanels) * 2);
      low[j] = addWrapping(low[j], dotPairs(values, panel_low[j % kPanels]));
      high[j] = addWrapping(high[j], dotPairs(values, panel_high[j % kPanels]));
    });
  };
  const auto advance = [&] {
    unrollRows<kPanels>([&](int64_t p) { panels[p] += 4 * 2 * kNr; });
    input += 4 * 2 * kMr;
  };
  if (depth > 0) unrollSteps(depth / 2, step, advance);
  unrollRows<kMr * kPanels>([&](int64_t j) {
    int32_t* to = adjacentFrom(sums + j * kNr);
    std::memcpy(to, &low[j], sizeof low[j]);
    std::memcpy(to + 4, &high[j], sizeof high[j]);
  });
}

// panel (inputs / 2 rounded up, 8, 2) = the pairs of eight rows, `stride` apart, by transpositions of eight pairs at a time. Not inlined,
// since an engine exchanges code that it has compiled in haste by the call, and a whole matrix would be one.
[[gnu::noinline]] void packPairs(int64_t inputs, const int8_t* rows, int64_t stride, int8_t* panel) {
  int64_t k = 0;
  for (; k + 16 <= inputs; k += 16, panel += 16 * kNr) {
    I16x8 pairs[kNr];
    unrollRows<kNr>([&](int64_t row) { std::memcpy(&pairs[row], rows + row * stride + k, sizeof pairs[row]); });
    for (int round = 0; round < 3; ++round) {
      I16x8 mixed[kNr];
      unrollRows<kNr / 2>([&](int64_t i) {
        mixed[2 * i] = __builtin_shufflevector(pairs[i], pairs[i + 4], 0, 8, 1, 9, 2, 10, 3, 11);
        mixed[2 * i + 1] = __builtin_shufflevector(pairs[i], pairs[i + 4], 4, 12, 5, 13, 6, 14, 7, 15);
      });
      unrollRows<kNr>([&](int64_t i) { pairs[i] = mixed[i]; });
    }
    unrollRows<kNr>([&](int64_t pair) { std::memcpy(panel + pair * 2 * kNr, &pairs[pair], sizeof pairs[pair]); });
  }
  for (; k < inputs; k += 2, panel += 2 * kNr)
    for (int64_t row = 0; row < kNr; ++row) {
      panel[2 * row] = rows[row * stride + k];
      panel[2 * row + 1] = k + 1 < inputs ? rows[row * stride + k + 1] : static_cast<int8_t>(0);
    }
}

}  // namespace

[[gnu::noinline]] void interleaveRows(int64_t depth, const int16_t* rows, int64_t stride, int16_t* to, int64_t pair_stride) {
  int64_t k = 0;
  const auto pairs = [&](int64_t row) { return load4(reinterpret_cast<const float*>(rows + row * stride + k)); };  // only moved
  for (; k + 8 <= depth; k += 8, to += 4 * pair_stride) {
    F32x4 a = pairs(0), b = pairs(1), c = pairs(2), d = pairs(3);
    transpose4(a, b, c, d);
    const auto at = [&](int64_t pair) { return reinterpret_cast<float*>(to + pair * pair_stride); };
    store4(at(0), a);
    store4(at(1), b);
    store4(at(2), c);
    store4(at(3), d);
  }
  for (; k < depth; k += 2, to += pair_stride)
    for (int64_t row = 0; row < kMr; ++row) std::copy_n(rows + row * stride + k, 2, to + 2 * row);
}

void quantizeTile(int64_t rows, int64_t inputs, const float* values, int64_t stride, int32_t limit, int16_t* room, int16_t* tile,
                  float* scales) {
  const int64_t grouped = groupedInputs(inputs);
  for (int64_t r = 0; r < kMr; ++r) {
    if (r < rows) scales[r] = quantizeRow(inputs, values + r * stride, limit, room + r * grouped);
    else std::fill_n(room + r * grouped, grouped, static_cast<int16_t>(0));
  }
  interleaveRows(pairedInputs(inputs), room, grouped, tile, 2 * kMr);
}

void sumIntegerTile(int64_t panels, size_t depth, const int16_t* input, const int16_t* panel, const int32_t* start, int32_t* sums) {
  assert(panels >= 1 && panels <= kMostPanels);
  alignas(16) static constexpr int32_t kZeros[kMr * kMostPanels * kNr] = {};
  if (!start) start = kZeros;
  if (panels > 1) sumPairs<2>(depth, input, panel, start, sums);
  else sumPairs<1>(depth, input, panel, start, sums);
}

[[gnu::noinline]] void scaleIntegerTile(int64_t rows, int64_t columns, const int32_t* sums, const float* row_scales, const float* scales,
                                        const float* bias, float* output, int64_t output_stride, GemmEpilogue epilogue) {
  const int64_t width = panelsOf(columns) * kNr;
  for (int64_t column = 0; column < columns; column += kNr)
    for (int64_t i = 0; i < rows; ++i) {
      const F32x4 scale = splat4(row_scales[i]);
      const int32_t* row = sums + i * width + column;
      storeRow(multiplyAdd(toFloats(loadIntegers4(row)), scale * load4(scales + column), load4(bias + column)),
               multiplyAdd(toFloats(loadIntegers4(row + 4)), scale * load4(scales + column + 4), load4(bias + column + 4)),
               std::min(kNr, columns - column), epilogue, output + i * output_stride + column);
    }
}

void w8a16Microkernel(int64_t rows, int64_t columns, size_t depth, const int16_t* input, const float* row_scales, const int16_t* panel,
                      const float* scales, const float* bias, float* output, int64_t output_stride, GemmEpilogue epilogue) {
  assert(rows >= 1 && rows <= kMr && columns <= kMostPanels * kNr);
  alignas(16) int32_t sums[kMr * kMostPanels * kNr];
  sumIntegerTile(panelsOf(columns), depth, input, panel, nullptr, sums);
  scaleIntegerTile(rows, columns, sums, row_scales, scales, bias, output, output_stride, epilogue);
}

int32_t activationLimit(int64_t inputs) {
  const int64_t fitting = std::numeric_limits<int32_t>::max() / (kWeightMost * std::max<int64_t>(inputs, 1));
  return static_cast<int32_t>(std::clamp<int64_t>(fitting, 1, std::numeric_limits<int16_t>::max()));
}

Result<W8A16Rows> W8A16Rows::quantize(const Execution& execution, int64_t rows, int64_t inputs, const float* values, int32_t limit) {
  W8A16Rows result;
  result.rows_ = rows;
  result.inputs_ = inputs;
  const int64_t tiles = (rows + kMr - 1) / kMr, depth = result.depth(), grouped = groupedInputs(inputs);
  BEIT_ASSIGN(result.values_, execution.workspace().elements<int16_t>(tiles * kMr * depth, "quantised rows"));
  BEIT_ASSIGN(result.scales_, execution.workspace().floats(rows, "scales of rows"));
  BEIT_ASSIGN(result.panels_, execution.workspace().elements<int16_t>(execution.threads() * kMostPanels * kNr * depth, "widened weights"));
  BEIT_ASSIGN(auto rooms, execution.workspace().elements<int16_t>(execution.threads() * kMr * grouped, "rows of a tile"));
  execution.parallelFor(static_cast<size_t>(tiles), [&](size_t thread, size_t tile) {
    const int64_t first = static_cast<int64_t>(tile) * kMr;
    quantizeTile(std::min(kMr, rows - first), inputs, values + first * inputs, inputs, limit,
                 rooms.data() + static_cast<int64_t>(thread) * kMr * grouped, result.values_.data() + first * depth,
                 result.scales_.data() + first);
  });
  return result;
}

int64_t W8A16Matrix::bytes(int64_t inputs, int64_t outputs) { return panelsOf(outputs) * kNr * (pairedInputs(inputs) + 8); }

Result<W8A16Matrix> W8A16Matrix::allocate(int64_t inputs, int64_t outputs, const float* bias) {
  const int64_t columns = panelsOf(outputs) * kNr;
  W8A16Matrix matrix;
  BEIT_ASSIGN(matrix.panels_, Buffer<int8_t>::allocate(columns * pairedInputs(inputs), "quantised weights"));
  BEIT_ASSIGN(matrix.scaling_, OutputScales::make(outputs, bias));
  matrix.inputs_ = inputs;
  matrix.outputs_ = outputs;
  return matrix;
}

Result<W8A16Matrix> W8A16Matrix::quantize(const Execution& execution, int64_t inputs, int64_t outputs, const float* weight,
                                          const float* bias) {
  BEIT_ASSIGN(W8A16Matrix matrix, allocate(inputs, outputs, bias));
  const int64_t grouped = groupedInputs(inputs), depth = pairedInputs(inputs);
  BEIT_ASSIGN(auto row_rooms, Buffer<int16_t>::allocate(execution.threads() * grouped, "quantised rows"));
  BEIT_ASSIGN(auto panel_rooms, Buffer<int8_t>::allocate(execution.threads() * kNr * grouped, "quantised rows"));
  forPanels(execution, panelsOf(outputs), [&](size_t thread, int64_t panel) {
    int16_t* row = row_rooms.data() + static_cast<int64_t>(thread) * grouped;
    int8_t* rows = panel_rooms.data() + static_cast<int64_t>(thread) * kNr * grouped;
    const int64_t first = panel * kNr;
    for (int64_t c = 0; c < kNr; ++c) {
      int8_t* to = rows + c * grouped;
      if (first + c < outputs) {
        matrix.scaling_.scales.data()[first + c] = quantizeRow(inputs, weight + (first + c) * inputs, kWeightLimit, row);
        std::copy_n(row, grouped, to);
      } else {
        std::fill_n(to, grouped, static_cast<int8_t>(0));
      }
    }
    packPairs(inputs, rows, grouped, matrix.panels_.data() + first * depth);
  });
  return matrix;
}

Result<W8A16Matrix> W8A16Matrix::pack(const Execution& execution, int64_t inputs, int64_t outputs, const int8_t* values,
                                      const float* scales, const float* bias) {
  BEIT_ASSIGN(W8A16Matrix matrix, allocate(inputs, outputs, bias));
  const int64_t depth = pairedInputs(inputs), whole = outputs / kNr;
  std::copy_n(scales, outputs, matrix.scaling_.scales.data());
  forPanels(execution, whole, [&](size_t, int64_t panel) {
    packPairs(inputs, values + panel * kNr * inputs, inputs, matrix.panels_.data() + panel * kNr * depth);
  });
  if (const int64_t first = whole * kNr; first < outputs) {
    BEIT_ASSIGN(auto rows, Buffer<int8_t>::allocate(kNr * inputs, "the last rows"));
    std::fill(std::copy_n(values + first * inputs, (outputs - first) * inputs, rows.data()), rows.data() + kNr * inputs,
              static_cast<int8_t>(0));
    packPairs(inputs, rows.data(), inputs, matrix.panels_.data() + first * depth);
  }
  return matrix;
}

void W8A16Matrix::multiply(const Execution& execution, const W8A16Rows& rows, float* output, int64_t output_stride,
                           GemmEpilogue epilogue) const {
  assert(rows.inputs() == inputs_);
  const int64_t depth = pairedInputs(inputs_), panels = panelsOf(outputs_), at_once = execution.microkernels().w8a16_panels;
  forGemmTasks(execution, rows.rows(), (panels + at_once - 1) / at_once, depth * static_cast<int64_t>(sizeof(int16_t)),
               [&](size_t thread, int64_t row, int64_t last_row, int64_t first, int64_t last) {
                 int16_t* widened = rows.widened(thread);
                 for (int64_t p = first * at_once; p < std::min(panels, last * at_once); p += at_once) {
                   const int64_t column = p * kNr, count = std::min(at_once, panels - p);
                   widenPanels(static_cast<size_t>(count * depth * kNr), panels_.data() + column * depth, widened);
                   for (int64_t r = row; r < last_row; r += kMr)
                     w8a16Microkernel(std::min(kMr, last_row - r), std::min(count * kNr, outputs_ - column), static_cast<size_t>(depth),
                                      rows.tile(r), rows.scales() + r, widened, scaling_.scales.data() + column,
                                      scaling_.bias.data() + column, output + r * output_stride + column, output_stride, epilogue);
                 }
               });
}

}  // namespace beit
