#include "src/training/activation_backward.h"

#include <algorithm>

#include "src/kernels/vector_math.h"

namespace beit {

namespace {

template <typename Derivative>
void multiply(const Execution& execution, const float* inputs, float* gradients, int64_t count, const Derivative& derivative) {
  constexpr int64_t kBlock = 8192;
  execution.parallelFor(static_cast<size_t>((count + kBlock - 1) / kBlock), [&](size_t, size_t block) {
    const int64_t begin = static_cast<int64_t>(block) * kBlock;
    for (int64_t i = begin; i < std::min(count, begin + kBlock); i += 4)
      store4(gradients + i, load4(gradients + i) * derivative(load4(inputs + i)));
  });
}

const F32x4 kOne = splat4(1.0f), kHalf = splat4(0.5f);

// Φ(x) + x φ(x)
F32x4 geluDerivative(F32x4 x) {
  const F32x4 density = splat4(0.3989422804f) * exp4(splat4(-0.5f) * x * x);
  return multiplyAdd(x, density, multiplyAdd(kHalf, erf4(x * splat4(0.7071067812f)), kHalf));
}

F32x4 geluNewDerivative(F32x4 x) {
  const F32x4 square = x * x;
  const F32x4 t = tanh4(splat4(0.7978845608f) * multiplyAdd(splat4(0.044715f) * square, x, x));
  const F32x4 inner = splat4(0.7978845608f) * multiplyAdd(splat4(3.0f * 0.044715f), square, kOne);
  return kHalf * (kOne + t) + kHalf * x * (kOne - t * t) * inner;
}

// Of x σ(factor x).
F32x4 swishDerivative(F32x4 x, float factor) {
  const F32x4 s = sigmoid4(splat4(factor) * x);
  return s + splat4(factor) * x * s * (kOne - s);
}

}  // namespace

void activationBackward(const Execution& execution, Activation activation, const float* inputs, float* gradients, int64_t count) {
  const WorkTimer timer(execution.profile(), Work::kActivation);
  const auto by = [&](const auto& derivative) { multiply(execution, inputs, gradients, count, derivative); };
  switch (activation) {
    // Lambdas, since a pointer to a function would be called for every four.
    case Activation::kGelu: return by([](F32x4 x) { return geluDerivative(x); });
    case Activation::kGeluNew:
    case Activation::kGeluPytorchTanh: return by([](F32x4 x) { return geluNewDerivative(x); });
    case Activation::kQuickGelu: return by([](F32x4 x) { return swishDerivative(x, 1.702f); });
    case Activation::kSilu: return by([](F32x4 x) { return swishDerivative(x, 1.0f); });
    case Activation::kRelu: return by([](F32x4 x) { return (F32x4)((I32x4)(x > splat4(0.0f)) & (I32x4)kOne); });
    case Activation::kTanh:
      return by([](F32x4 x) {
        const F32x4 t = tanh4(x);
        return kOne - t * t;
      });
    case Activation::kSigmoid:
      return by([](F32x4 x) {
        const F32x4 s = sigmoid4(x);
        return s * (kOne - s);
      });
    case Activation::kLinear: return;
  }
}

}  // namespace beit
