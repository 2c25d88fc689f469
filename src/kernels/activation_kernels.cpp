#include "src/kernels/activation_kernels.h"

#include <algorithm>

#include "src/kernels/vector_math.h"

namespace beit::activations {

namespace {

// One loop a function, so that each is compiled with its arithmetic inlined. In pairs two vectors are taken at once, so
// that one does not wait for the other's chain of sums: for what models use most, as it takes three copies of the arithmetic.
template <bool kPairs = false, typename Function>
void mapInPlace(const Execution& execution, float* values, int64_t count, Function function) {
  constexpr int64_t kBlock = 8192;  // 32 KiB: a task that stays in the first-level cache
  const int64_t blocks = (count + kBlock - 1) / kBlock;
  execution.parallelFor(static_cast<size_t>(blocks), [&](size_t, size_t block) {
    const int64_t begin = static_cast<int64_t>(block) * kBlock;
    const int64_t end = std::min(count, begin + kBlock);
    int64_t i = begin;
    for (; kPairs && i + 8 <= end; i += 8) {
      const F32x4 first = function(load4(values + i)), second = function(load4(values + i + 4));
      float* to = adjacentFrom(values + i);
      store4(to, first);
      store4(to + 4, second);
    }
    for (; i < end; i += 4) store4(values + i, function(load4(values + i)));
  });
}

// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), Hendrycks and Gimpel's approximation.
F32x4 geluTanh(F32x4 x) {
  const F32x4 inner = splat4(0.7978845608f) * multiplyAdd(splat4(0.044715f) * x * x, x, x);
  return splat4(0.5f) * x * (splat4(1.0f) + tanh4(inner));
}

}  // namespace

void gelu(const Execution& execution, float* values, int64_t count) {  // x Φ(x), exact
  mapInPlace</*kPairs=*/true>(execution, values, count, [](F32x4 x) {
    const F32x4 half = splat4(0.5f) * x;
    return multiplyAdd(half, erf4(x * splat4(0.7071067812f)), half);
  });
}

void geluNew(const Execution& execution, float* values, int64_t count) { mapInPlace(execution, values, count, geluTanh); }

void quickGelu(const Execution& execution, float* values, int64_t count) {
  mapInPlace(execution, values, count, [](F32x4 x) { return x * sigmoid4(splat4(1.702f) * x); });
}

void relu(const Execution& execution, float* values, int64_t count) {
  mapInPlace(execution, values, count, [](F32x4 x) { return max4(x, splat4(0.0f)); });
}

void silu(const Execution& execution, float* values, int64_t count) {
  mapInPlace(execution, values, count, [](F32x4 x) { return x * sigmoid4(x); });
}

void tanh(const Execution& execution, float* values, int64_t count) { mapInPlace(execution, values, count, tanh4); }

void sigmoid(const Execution& execution, float* values, int64_t count) { mapInPlace(execution, values, count, sigmoid4); }

void identity(const Execution&, float*, int64_t) {}

}  // namespace beit::activations
