#include "src/training/activation_backward.h"

#include <cmath>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "tests/support/reference.h"
#include "tests/support/runtime.h"

namespace beit {

TEST_CASE("Activations have the derivatives of their differences", "[activation_backward]") {
  for (const Activation activation : {Activation::kGelu, Activation::kGeluNew, Activation::kGeluPytorchTanh, Activation::kQuickGelu,
                                      Activation::kRelu, Activation::kSilu, Activation::kTanh, Activation::kSigmoid, Activation::kLinear}) {
    CAPTURE(std::string(toString(activation)));
    std::vector<float> x;
    for (float at = -12.01f; at < 12.0f; at += 0.037f) x.push_back(at);
    const auto count = static_cast<int64_t>(x.size());
    std::vector<float> gradients(x.size() + FloatBuffer::kSlack, 2.0f);
    x.resize(x.size() + FloatBuffer::kSlack);
    activationBackward(test::execution(), activation, x.data(), gradients.data(), count);
    for (int64_t i = 0; i < count; ++i) {
      const double at = static_cast<double>(x[static_cast<size_t>(i)]), h = 1e-5;
      const double want = 2.0 * (test::activate(activation, at + h) - test::activate(activation, at - h)) / (2.0 * h);
      CAPTURE(at, want);
      CHECK(std::abs(static_cast<double>(gradients[static_cast<size_t>(i)]) - want) <= 4e-6);
    }
  }
  std::vector<float> at_zero(4, 0.0f), gradients(4, 1.0f);
  activationBackward(test::execution(), Activation::kRelu, at_zero.data(), gradients.data(), 4);
  CHECK(gradients == at_zero);
}

}  // namespace beit
