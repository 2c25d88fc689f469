#include "src/kernels/gemm/quantization.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "src/base/vector_size.h"
#include "src/kernels/gemm/blocking.h"
#include "src/kernels/simd.h"

namespace beit {

namespace {

constexpr float kSmallest = 1e-30f;  // its reciprocal, times 32767, is still finite

}  // namespace

float quantizeRow(int64_t count, const float* from, int32_t limit, int16_t* to) {
  F32x4 most4 = splat4(0.0f), poison4 = splat4(0.0f);
  float most = 0.0f, poison = 0.0f;
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const F32x4 value = load4(from + i);
    most4 = max4(most4, max4(value, -value));
    poison4 += value * splat4(0.0f);  // becomes NaN by an infinity or a NaN
  }
  for (; i < count; ++i) {
    most = std::max(most, std::fabs(from[i]));
    poison += from[i] * 0.0f;
  }
  most = std::max(most, reduceMax(most4));
  poison += reduceAdd(poison4);
  const bool finite = poison == 0.0f, zero = !(most >= kSmallest);
  if (!finite || zero) {
    std::fill_n(to, groupedInputs(count), static_cast<int16_t>(0));
    return finite ? 0.0f : std::numeric_limits<float>::quiet_NaN();
  }
  // Adding 1.5 * 2^23 rounds to an integer, which is then the low bits of the sum.
  const F32x4 rounder = splat4(12582912.0f), inverse = splat4(static_cast<float>(limit) / most);
  const auto whole = [&](F32x4 value) { return (I32x4)(value * inverse + rounder) - (I32x4)rounder; };
  const auto store = [](int16_t* at, I16x8 values) { std::memcpy(at, &values, sizeof values); };
  for (i = 0; i + 8 <= count; i += 8) store(to + i, narrow(whole(load4(from + i)), whole(load4(from + i + 4))));
  if (i < count) {
    float rest[8] = {};
    std::copy_n(from + i, count - i, rest);
    store(to + i, narrow(whole(load4(rest)), whole(load4(rest + 4))));
  }
  return most / static_cast<float>(limit);
}

bool quantizeWeights(int64_t inputs, int64_t outputs, const float* weight, int8_t* values, float* scales) {
  std::vector<int16_t> row(vectorSize(groupedInputs(inputs)));
  for (int64_t o = 0; o < outputs; ++o) {
    const float scale = quantizeRow(inputs, weight + o * inputs, kWeightLimit, row.data());
    if (std::isnan(scale)) return false;
    scales[o] = scale == 0.0f ? 1.0f : scale;
    for (int64_t i = 0; i < inputs; ++i) values[o * inputs + i] = static_cast<int8_t>(row[static_cast<size_t>(i)]);
  }
  return true;
}

Result<OutputScales> OutputScales::make(int64_t outputs, const float* bias) {
  const int64_t columns = panelsOf(outputs) * kNr;
  OutputScales result;
  BEIT_ASSIGN(result.scales, FloatBuffer::allocate(columns, "scales of weights"));
  BEIT_ASSIGN(result.bias, FloatBuffer::allocate(columns, "a bias"));
  for (int64_t i = 0; i < columns; ++i) {
    result.scales.data()[i] = 0.0f;
    result.bias.data()[i] = bias && i < outputs ? bias[i] : 0.0f;
  }
  return result;
}

void OutputScales::scale(float factor) {
  for (float& value : scales.span()) value *= factor;
  for (float& value : bias.span()) value *= factor;
}

}  // namespace beit
