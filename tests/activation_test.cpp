#include "src/kernels/activation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "src/base/tensor.h"
#include "tests/support/reference.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

constexpr Activation kAll[] = {Activation::kGelu,      Activation::kGeluNew, Activation::kGeluPytorchTanh,
                               Activation::kQuickGelu, Activation::kRelu,    Activation::kSilu,
                               Activation::kTanh,      Activation::kSigmoid, Activation::kLinear};

FloatBuffer activated(Activation activation, const std::vector<float>& values) {
  auto buffer = FloatBuffer::copyOf(values, "a test");
  REQUIRE(buffer.ok());
  applyActivation(test::execution(), activation, buffer->data(), static_cast<int64_t>(values.size()));
  return std::move(buffer).value();
}

}  // namespace

TEST_CASE("Activations are their definitions", "[activation]") {
  std::vector<float> values;
  for (int i = -40'000; i <= 40'000; ++i) values.push_back(static_cast<float>(i) * 5e-4f);
  for (const Activation activation : kAll) {
    CAPTURE(toString(activation));
    const FloatBuffer got = activated(activation, values);
    double error = 0.0;
    for (size_t i = 0; i < values.size(); ++i) {
      const double x = values[i];
      error = std::max(error, std::abs(got.data()[i] - test::activate(activation, x)) / std::max(1.0, std::abs(x)));
    }
    CHECK(error <= 5e-7);  // the error of erf4 and tanh4 times x, and a rounding of each step
  }
}

TEST_CASE("Activations reach each value of any count, and none behind the slack", "[activation]") {
  for (const size_t count : {1u, 2u, 3u, 4u, 5u, 7u, 63u, 8191u, 8192u, 8193u, 8196u, 20001u}) {
    CAPTURE(count);
    std::vector<float> values(count);
    for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i % 17) - 8.0f;
    const FloatBuffer got = activated(Activation::kSilu, values);
    size_t wrong = 0;
    for (size_t i = 0; i < count; ++i) wrong += !(std::abs(got.data()[i] - test::activate(Activation::kSilu, values[i])) <= 2e-6);
    CHECK(wrong == 0);
    for (size_t i = count + 3; i < count + FloatBuffer::kSlack; ++i) CHECK(got.data()[i] == 0.0f);
  }
}

TEST_CASE("A NaN shows in what an activation puts out", "[activation]") {
  for (const Activation activation : kAll) {
    CAPTURE(toString(activation));
    const FloatBuffer got = activated(activation, {1.0f, std::numeric_limits<float>::quiet_NaN(), -1.0f, 0.0f, 2.0f});
    CHECK(std::isnan(got.data()[1]));
    for (const size_t i : {0u, 2u, 3u, 4u}) CHECK(std::isfinite(got.data()[i]));
  }
}

TEST_CASE("Large values pass as they should: whole or not at all", "[activation]") {
  for (const Activation activation :
       {Activation::kGelu, Activation::kGeluNew, Activation::kQuickGelu, Activation::kRelu, Activation::kSilu}) {
    CAPTURE(toString(activation));
    const FloatBuffer got = activated(activation, {30.0f, 1000.0f, 1e6f, -30.0f, -1000.0f, -1e6f});
    CHECK(got.data()[0] == 30.0f);
    CHECK(got.data()[1] == 1000.0f);
    CHECK(got.data()[2] == 1e6f);
    for (const size_t i : {3u, 4u, 5u}) CHECK(std::abs(got.data()[i]) <= 1e-6f);
  }
}

}  // namespace beit
