#include "src/kernels/activation.h"

#include <algorithm>
#include <array>

#include "src/kernels/vector_math.h"

namespace beit {

namespace {

// One loop a function, so that each is compiled with its arithmetic inlined. In pairs two vectors are taken at once, so
// that one does not wait for the other's chain of sums: for what models use most, as it takes three copies of the arithmetic.
template <bool kPairs = false, typename Function>
void mapInPlace(const ThreadPool& pool, float* values, int64_t count, Function function) {
  constexpr int64_t kBlock = 8192;  // 32 KiB: a task that stays in the first-level cache
  const int64_t blocks = (count + kBlock - 1) / kBlock;
  pool.parallelFor(static_cast<size_t>(blocks), [&](size_t, size_t block) {
    const int64_t begin = static_cast<int64_t>(block) * kBlock;
    const int64_t end = std::min(count, begin + kBlock);
    int64_t i = begin;
    for (; kPairs && i + 8 <= end; i += 8) {
      const F32x4 first = function(load4(values + i)), second = function(load4(values + i + 4));
      store4(values + i, first);
      store4(values + i + 4, second);
    }
    for (; i < end; i += 4) store4(values + i, function(load4(values + i)));
  });
}

// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), Hendrycks and Gimpel's approximation.
F32x4 geluTanh(F32x4 x) {
  const F32x4 inner = splat4(0.7978845608f) * multiplyAdd(splat4(0.044715f) * x * x, x, x);
  return splat4(0.5f) * x * (splat4(1.0f) + tanh4(inner));
}

using Kernel = void (*)(const ThreadPool& pool, float* values, int64_t count);

void gelu(const ThreadPool& pool, float* values, int64_t count) {  // x Φ(x), exact
  mapInPlace</*kPairs=*/true>(pool, values, count, [](F32x4 x) {
    const F32x4 half = splat4(0.5f) * x;
    return multiplyAdd(half, erf4(x * splat4(0.7071067812f)), half);
  });
}

void geluNew(const ThreadPool& pool, float* values, int64_t count) { mapInPlace(pool, values, count, geluTanh); }

void quickGelu(const ThreadPool& pool, float* values, int64_t count) {
  mapInPlace(pool, values, count, [](F32x4 x) { return x * sigmoid4(splat4(1.702f) * x); });
}

void relu(const ThreadPool& pool, float* values, int64_t count) {
  mapInPlace(pool, values, count, [](F32x4 x) { return max4(x, splat4(0.0f)); });
}

void silu(const ThreadPool& pool, float* values, int64_t count) {
  mapInPlace(pool, values, count, [](F32x4 x) { return x * sigmoid4(x); });
}

void tanh(const ThreadPool& pool, float* values, int64_t count) { mapInPlace(pool, values, count, tanh4); }

void sigmoid(const ThreadPool& pool, float* values, int64_t count) { mapInPlace(pool, values, count, sigmoid4); }

void linear(const ThreadPool&, float*, int64_t) {}

struct Row { std::string_view name; Activation activation; Kernel kernel; };

// The first row of an activation has its name. The last three are the reference's other ways to compute gelu and
// gelu_new (activations.py).
constexpr std::array<Row, 13> kRows{{
    {"gelu", Activation::kGelu, gelu},
    {"gelu_new", Activation::kGeluNew, geluNew},
    {"gelu_pytorch_tanh", Activation::kGeluPytorchTanh, geluNew},
    {"quick_gelu", Activation::kQuickGelu, quickGelu},
    {"relu", Activation::kRelu, relu},
    {"silu", Activation::kSilu, silu},
    {"swish", Activation::kSilu, silu},
    {"tanh", Activation::kTanh, tanh},
    {"sigmoid", Activation::kSigmoid, sigmoid},
    {"linear", Activation::kLinear, linear},
    {"gelu_python", Activation::kGelu, gelu},
    {"gelu_fast", Activation::kGeluNew, geluNew},
    {"gelu_accurate", Activation::kGeluNew, geluNew}}};

const Row& rowOf(Activation activation) {
  for (const Row& row : kRows) if (row.activation == activation) return row;
  return kRows.front();
}

}  // namespace

std::string_view toString(Activation activation) { return rowOf(activation).name; }

std::optional<Activation> activationOf(std::string_view name) {
  for (const Row& row : kRows) if (row.name == name) return row.activation;
  return std::nullopt;
}

std::string activationNames() {
  std::string names;
  for (const Row& row : kRows) names += (names.empty() ? "" : ", ") + std::string(row.name);
  return names;
}

void applyActivation(const ThreadPool& pool, Activation activation, float* values, int64_t count) {
  const WorkTimer timer(pool.profile(), Work::kActivation);
  rowOf(activation).kernel(pool, values, count);
}

}  // namespace beit
