#include "src/kernels/gemm/w8a8.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "src/kernels/simd.h"

namespace beit {

namespace {

constexpr int64_t kChunk = W8A8Rows::kChunk;
constexpr int64_t kQuad = 4;  // inputs that one dot product takes of each column
// Rows of a tile: ten accumulators, which hide the latency of the dot products. With four rows some of it shows; with six the
// 16 registers of x86 run out.
constexpr int64_t kRows = 5;
constexpr float kByteLimit = 255.0f;
// Below this a chunk is as good as constant.
constexpr float kMinRange = 1e-30f;
// Sums of products with integers, before the weights' scales, are far from infinity for rows below this.
constexpr float kLargeValue = 1e28f;
constexpr float kLargeFactor = 17179869184.0f;  // 2^34: exact

int64_t paddedDepth(int64_t inputs) { return (inputs + kQuad - 1) / kQuad * kQuad; }

#if defined(__wasm_relaxed_simd__)
ByteDot tryByteDot() {
  // Bytes at their largest: an engine that adds pairs in 16 bits saturates.
  volatile int32_t weight = 0x7f7f7f7f, value = -1;
  const int32_t w = weight, v = value;
  const int32_t got = dotQuads(I8x16{w, w, w, w}, I8x16{v, v, v, v}, I32x4{1, 1, 1, 1})[0] - 1;
  if (got == 4 * 127 * 255) return ByteDot::kUnsigned;
  return got == -4 * 127 ? ByteDot::kSigned : ByteDot::kNone;
}
#endif

// Values from..from + count - 1 as bytes, with scale and offset.
[[gnu::noinline]] void quantizeChunk(int64_t count, const float* from, uint8_t flip, uint8_t* to, float* scale) {
  float low = from[0], high = from[0];
  int64_t i = 0;
  F32x4 lows = splat4(low), highs = splat4(high), finite = splat4(0.0f);
  for (; i + 4 <= count; i += 4) {
    const F32x4 v = load4(from + i);
    lows = min4(lows, v);
    highs = max4(highs, v);
    finite += v * splat4(0.0f);  // NaN as soon as one is no number
  }
  float all = reduceAdd(finite);
  for (int64_t j = 0; j < 4; ++j) {
    low = lows[j] < low ? lows[j] : low;
    high = highs[j] > high ? highs[j] : high;
  }
  for (int64_t j = i; j < count; ++j) {
    low = std::min(low, from[j]);
    high = std::max(high, from[j]);
    all += from[j] * 0.0f;
  }
  const float range = high - low;
  if (range > std::numeric_limits<float>::max() && all == all) {  // finite values, whose difference is not
    float halves[kChunk];
    std::transform(from, from + count, halves, [](float value) { return 0.5f * value; });
    quantizeChunk(count, halves, flip, to, scale);
    scale[0] *= 2.0f;
    scale[1] *= 2.0f;
    return;
  }
  const bool constant = !(range >= kMinRange);
  const float step = constant ? 0.0f : range / kByteLimit, inverse = constant ? 0.0f : kByteLimit / range;
  scale[0] = step;
  // The dot product that takes bytes as signed ones sees 128 less.
  scale[1] = low + (flip ? 128.0f * step : 0.0f) + all;
  if (all != all) scale[0] = all;
  // A float between 0 and 255 plus 2^23 has the nearest integer in its lowest bits.
  const F32x4 magic = splat4(8388608.0f), base = splat4(low), factor = splat4(inverse), most = splat4(kByteLimit);
  const auto centred = [&](const float* at) {  // -128 to 127
    const F32x4 placed = min4(max4((load4(at) - base) * factor, splat4(0.0f)), most) + magic;
    return ((I32x4)placed & I32x4{255, 255, 255, 255}) - I32x4{128, 128, 128, 128};
  };
  const int32_t sign = flip ? 0 : static_cast<int32_t>(0x80808080u);  // from -128 to 127 to 0 to 255
  for (i = 0; i + 16 <= count; i += 16) {
    int8_t bytes[16];
    storeNarrowed16(bytes, narrow(centred(from + i), centred(from + i + 4)), narrow(centred(from + i + 8), centred(from + i + 12)));
    const I8x16 flipped = loadBytes(bytes) ^ I8x16 { sign, sign, sign, sign };
    std::memcpy(to + i, &flipped, sizeof flipped);
  }
  for (; i < count; ++i) {
    const float placed = std::min(std::max((from[i] - low) * inverse, 0.0f), kByteLimit);
    to[i] = static_cast<uint8_t>(static_cast<uint8_t>(placed == placed ? std::nearbyintf(placed) : 0.0f) ^ flip);
  }
}

// Takes a factor out of the chunks' scales and offsets where they are so large that sums of products would overflow.
void takeFactor(int64_t chunks, float* scales) {
  const bool large = std::any_of(scales, scales + 2 * chunks, [](float value) { return std::fabs(value) > kLargeValue; });
  scales[2 * chunks] = large ? kLargeFactor : 1.0f;
  if (large) std::transform(scales, scales + 2 * chunks, scales, [](float value) { return value / kLargeFactor; });
}

// sums (kRows, 8) = the integers' products of a chunk of `quads` quads. Rows past `rows` repeat the last one.
// A function of its own, with nothing to keep but its accumulators.
[[gnu::noinline]] void multiplyChunk(int64_t rows, size_t quads, const uint8_t* input, int64_t stride, const int8_t* panel, I32x4* sums) {
  const uint8_t* from[kRows];
  I32x4 left[kRows], right[kRows];
  unrollRows<kRows>([&](int64_t i) {
    from[i] = input + std::min(i, rows - 1) * stride;
    left[i] = right[i] = I32x4{};
  });
  const auto step = [&](auto quad) {
    const int8_t* at = panel + quad * kQuad * kNr;
    const I8x16 panel_left = loadBytes(at), panel_right = loadBytes(at + 16);
    unrollRows<kRows>([&](int64_t i) {
      const I8x16 values = splatQuad(from[i] + quad * kQuad);
      left[i] = dotQuads(panel_left, values, left[i]);
      right[i] = dotQuads(panel_right, values, right[i]);
    });
  };
  const auto advance = [&] {
    panel += 4 * kQuad * kNr;
    unrollRows<kRows>([&](int64_t i) { from[i] += 4 * kQuad; });
  };
  unrollSteps(quads, step, advance);
  unrollRows<kRows>([&](int64_t i) {
    sums[2 * i] = left[i];
    sums[2 * i + 1] = right[i];
  });
}

// A tile as that of gemm.cpp, of bytes.
[[gnu::noinline]] void w8a8Microkernel(int64_t rows, int64_t columns, int64_t depth, const uint8_t* input, int64_t stride,
                                       const float* row_scales, int64_t scale_stride, const int8_t* panel, const float* sums,
                                       const float* scales, const float* bias, float* output, int64_t output_stride,
                                       GemmEpilogue epilogue) {
  F32x4 low[kRows] = {}, high[kRows] = {};
  for (int64_t k = 0; k < depth; k += kChunk, sums += kNr, row_scales += 2) {
    I32x4 products[2 * kRows];
    multiplyChunk(rows, static_cast<size_t>(std::min(kChunk, depth - k) / kQuad), input + k, stride, panel + k * kNr, products);
    const F32x4 sum_left = load4(sums), sum_right = load4(sums + 4);
    for (int64_t i = 0; i < kRows; ++i) {
      const float* row = row_scales + std::min(i, rows - 1) * scale_stride;
      const F32x4 scale = splat4(row[0]), offset = splat4(row[1]);
      low[i] = multiplyAdd(toFloats(products[2 * i]), scale, multiplyAdd(sum_left, offset, low[i]));
      high[i] = multiplyAdd(toFloats(products[2 * i + 1]), scale, multiplyAdd(sum_right, offset, high[i]));
    }
  }
  for (int64_t i = 0; i < rows; ++i, output += output_stride) {
    const F32x4 factor = splat4(row_scales[i * scale_stride]);
    storeRow(multiplyAdd(low[i], factor * load4(scales), load4(bias)), multiplyAdd(high[i], factor * load4(scales + 4), load4(bias + 4)),
             columns, epilogue, output);
  }
}

}  // namespace

#if defined(__wasm_relaxed_simd__)
ByteDot byteDot() {
  static const ByteDot found = tryByteDot();
  return found;
}
#endif

Result<W8A8Rows> W8A8Rows::quantize(const Execution& execution, int64_t rows, int64_t inputs, const float* values) {
  constexpr int64_t kRowsPerTask = 8;
  W8A8Rows result;
  result.rows_ = rows;
  result.inputs_ = inputs;
  const int64_t chunks = chunksOf(inputs), stride = result.stride();
  BEIT_ASSIGN(result.values_, execution.workspace().elements<uint8_t>(rows * stride, "quantised rows"));
  BEIT_ASSIGN(result.scales_, execution.workspace().floats(rows * result.scaleStride(), "scales of rows"));
  const uint8_t flip = byteDot() == ByteDot::kSigned ? 128 : 0;
  execution.parallelFor(static_cast<size_t>((rows + kRowsPerTask - 1) / kRowsPerTask), [&](size_t, size_t task) {
    const int64_t first = static_cast<int64_t>(task) * kRowsPerTask;
    for (int64_t r = first; r < std::min(rows, first + kRowsPerTask); ++r) {
      uint8_t* to = result.values_.data() + r * stride;
      std::fill(to + inputs, to + stride, static_cast<uint8_t>(0));  // meets weights that are 0
      float* scales = result.scales_.data() + r * result.scaleStride();
      for (int64_t c = 0; c < chunks; ++c)
        quantizeChunk(std::min(kChunk, inputs - c * kChunk), values + r * inputs + c * kChunk, flip, to + c * kChunk, scales + c * 2);
      takeFactor(chunks, scales);
    }
  });
  return result;
}

int64_t W8A8Matrix::bytes(int64_t inputs, int64_t outputs) {
  return panelsOf(outputs) * kNr * (paddedDepth(inputs) + 4 * W8A8Rows::chunksOf(inputs) + 8);
}

Result<W8A8Matrix> W8A8Matrix::allocate(int64_t inputs, int64_t outputs, const float* bias) {
  const int64_t columns = panelsOf(outputs) * kNr, chunks = W8A8Rows::chunksOf(inputs);
  W8A8Matrix matrix;
  BEIT_ASSIGN(matrix.panels_, Buffer<int8_t>::allocate(columns * paddedDepth(inputs), "quantised weights"));
  BEIT_ASSIGN(matrix.sums_, FloatBuffer::allocate(columns * chunks, "sums of weights"));
  BEIT_ASSIGN(matrix.scaling_, OutputScales::make(outputs, bias));
  matrix.inputs_ = inputs;
  matrix.outputs_ = outputs;
  return matrix;
}

void W8A8Matrix::clearPanel(int64_t panel) {
  const int64_t bytes = kNr * paddedDepth(inputs_), sums = kNr * W8A8Rows::chunksOf(inputs_);
  std::fill_n(panels_.data() + panel * bytes, bytes, static_cast<int8_t>(0));
  std::fill_n(sums_.data() + panel * sums, sums, 0.0f);
}

template <typename Integer>
void W8A8Matrix::packOutput(int64_t output, const Integer* values) {
  const int64_t panel = output / kNr, column = output % kNr;
  int8_t* to = panels_.data() + panel * kNr * paddedDepth(inputs_) + column * kQuad;
  float* sums = sums_.data() + panel * kNr * W8A8Rows::chunksOf(inputs_) + column;
  for (int64_t first = 0; first < inputs_; first += kChunk, sums += kNr) {
    const int64_t last = std::min(inputs_, first + kChunk);
    int32_t total = 0;
    for (int64_t k = first; k < last; ++k) {
      to[k / kQuad * kQuad * kNr + k % kQuad] = static_cast<int8_t>(values[k]);
      total += values[k];
    }
    *sums = static_cast<float>(total);
  }
}

Result<W8A8Matrix> W8A8Matrix::quantize(const Execution& execution, int64_t inputs, int64_t outputs, const float* weight,
                                        const float* bias) {
  BEIT_ASSIGN(W8A8Matrix matrix, allocate(inputs, outputs, bias));
  const int64_t grouped = groupedInputs(inputs);
  BEIT_ASSIGN(auto rooms, Buffer<int16_t>::allocate(execution.threads() * grouped, "quantised rows"));
  forPanels(execution, panelsOf(outputs), [&](size_t thread, int64_t panel) {
    int16_t* row = rooms.data() + static_cast<int64_t>(thread) * grouped;
    matrix.clearPanel(panel);
    for (int64_t output = panel * kNr; output < std::min(outputs, (panel + 1) * kNr); ++output) {
      matrix.scaling_.scales.data()[output] = quantizeRow(inputs, weight + output * inputs, kWeightLimit, row);
      matrix.packOutput(output, row);
    }
  });
  return matrix;
}

Result<W8A8Matrix> W8A8Matrix::pack(const Execution& execution, int64_t inputs, int64_t outputs, const int8_t* values, const float* scales,
                                    const float* bias) {
  BEIT_ASSIGN(W8A8Matrix matrix, allocate(inputs, outputs, bias));
  std::copy_n(scales, outputs, matrix.scaling_.scales.data());
  forPanels(execution, panelsOf(outputs), [&](size_t, int64_t panel) {
    matrix.clearPanel(panel);
    for (int64_t output = panel * kNr; output < std::min(outputs, (panel + 1) * kNr); ++output)
      matrix.packOutput(output, values + output * inputs);
  });
  return matrix;
}

void W8A8Matrix::multiply(const Execution& execution, const W8A8Rows& rows, float* output, int64_t output_stride,
                          GemmEpilogue epilogue) const {
  assert(rows.inputs() == inputs_);
  const int64_t depth = paddedDepth(inputs_), chunks = W8A8Rows::chunksOf(inputs_);
  forGemmTasks(execution, rows.rows(), panelsOf(outputs_), depth,
               [&](size_t, int64_t row, int64_t last_row, int64_t panel, int64_t last_panel) {
                 for (int64_t p = panel; p < last_panel; ++p) {
                   const int64_t column = p * kNr;
                   for (int64_t r = row; r < last_row; r += kRows)
                     w8a8Microkernel(std::min(kRows, last_row - r), std::min(kNr, outputs_ - column), depth, rows.row(r), rows.stride(),
                                     rows.scales(r), rows.scaleStride(), panels_.data() + column * depth, sums_.data() + column * chunks,
                                     scaling_.scales.data() + column, scaling_.bias.data() + column, output + r * output_stride + column,
                                     output_stride, epilogue);
                 }
               });
}

}  // namespace beit
