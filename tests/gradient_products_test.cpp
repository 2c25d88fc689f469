#include "src/training/gradient_products.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "src/training/column_sums.h"
#include "src/training/transpose.h"
#include "tests/support/random.h"
#include "tests/support/reference.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

using test::Matrix;

// A layer whose gradients are not 0 at first.
struct Layer {
  ParameterList declared, parameters;
  TrainedParameters values;
  TrainedLinear linear;

  Layer(int64_t inputs, int64_t outputs, test::Random& random) {
    declared.add("dense.weight", {outputs, inputs}, nullptr);
    declared.add("dense.bias", {outputs}, nullptr);
    values.declare(declared, parameters, [](std::string_view) { return true; });
    for (size_t i = 0; i < 2; ++i) {
      auto given = random.floats(static_cast<size_t>(i == 0 ? inputs * outputs : outputs), -1.0f, 1.0f);
      REQUIRE(parameters.deliver(i, given).ok());
      std::ranges::fill(values.all()[i].gradient.span(), 0.5f);
    }
    linear = TrainedLinear(values, "dense");
  }
};

}  // namespace

TEST_CASE("The three products of a layer are what they say", "[gradient_products]") {
  test::Random random(1);
  for (const auto& [rows, inputs, outputs] : {std::array<int64_t, 3>{1, 1, 1}, {3, 5, 7}, {17, 64, 33}, {530, 37, 41}, {1100, 9, 8}}) {
    for (const test::Tiles tiles : {test::Tiles::kUsual, test::Tiles::kTall}) {
      CAPTURE(rows, inputs, outputs, static_cast<int>(tiles));
      const Execution& execution = test::execution(tiles);
      Layer layer(inputs, outputs, random);
      const auto x = random.floats(static_cast<size_t>(rows * inputs), -1.0f, 1.0f);
      const auto dy = random.floats(static_cast<size_t>(rows * outputs), -1.0f, 1.0f);
      const Matrix weight = test::toMatrix(layer.linear.weight->value.span(), outputs);
      const Matrix input = test::toMatrix(x, rows), gradient = test::toMatrix(dy, rows);
      const double sums = 1e-5 + 3e-8 * static_cast<double>(rows);  // of so many products of up to 1
      ProductScratch scratch;
      scratch.need(rows, layer.linear);
      REQUIRE(scratch.allocate(execution).ok());

      std::vector<float> y(dy.size()), dx(x.size(), 0.25f);
      multiplyForward(execution, rows, layer.linear, x.data(), y.data(), scratch);
      Matrix want = input * weight.transpose();
      want.rowwise() += test::toVector(layer.linear.bias->value.span());
      CHECK(test::relativeDifference(y, want) <= 1e-5);

      multiplyBackward(execution, rows, layer.linear, dy.data(), dx.data(), /*accumulate=*/true, scratch);
      CHECK(test::relativeDifference(dx, (gradient * weight).array() + 0.25) <= 1e-5);
      multiplyBackward(execution, rows, layer.linear, dy.data(), dx.data(), /*accumulate=*/false, scratch);
      CHECK(test::relativeDifference(dx, gradient * weight) <= 1e-5);

      addWeightGradient(execution, rows, layer.linear, dy.data(), x.data(), scratch);
      CHECK(test::relativeDifference(layer.linear.weight->gradient.span(), (gradient.transpose() * input).array() + 0.5) <= sums);
      addRows(execution, rows, outputs, dy.data(), layer.linear.bias->gradients());
      CHECK(test::relativeDifference(layer.linear.bias->gradient.span(), gradient.colwise().sum().array() + 0.5) <= 1e-5);
    }
  }
}

TEST_CASE("transpose exchanges rows and columns of any number", "[gradient_products]") {
  test::Random random(2);
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{1, 1}, {4, 4}, {5, 3}, {7, 9}, {12, 16}}) {
    CAPTURE(rows, columns);
    const auto from = random.floats(static_cast<size_t>(rows * (columns + 3)), -1.0f, 1.0f);
    std::vector<float> to(static_cast<size_t>(columns * (rows + 2)), 9.0f);
    transpose(rows, columns, from.data(), columns + 3, to.data(), rows + 2);
    for (int64_t c = 0; c < columns; ++c)
      for (int64_t r = 0; r < rows + 2; ++r)
        CHECK(to[static_cast<size_t>(c * (rows + 2) + r)] == (r < rows ? from[static_cast<size_t>(r * (columns + 3) + c)] : 9.0f));
  }
}

}  // namespace beit
