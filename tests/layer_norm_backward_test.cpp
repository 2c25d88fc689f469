#include "src/training/layer_norm_backward.h"

#include <cmath>

#include <catch2/catch_test_macros.hpp>

#include "tests/support/random.h"
#include "tests/support/reference.h"
#include "tests/support/runtime.h"

namespace beit {

TEST_CASE("The way back through a norm is its derivative, in place and added", "[layer_norm_backward]") {
  test::Random random(1);
  for (const int64_t channels : {2, 3, 8, 13, 64, 770})
    for (const int64_t rows : {1, 9, 70}) {
      CAPTURE(channels, rows);
      ParameterList declared, parameters;
      declared.add("norm.weight", {channels}, nullptr);
      declared.add("norm.bias", {channels}, nullptr);
      TrainedParameters values;
      values.declare(declared, parameters, [](std::string_view) { return true; });
      for (size_t i = 0; i < 2; ++i) {
        auto given = random.floats(static_cast<size_t>(channels), 0.5f, 1.5f);
        REQUIRE(parameters.deliver(i, given).ok());
      }
      const TrainedNorm norm(values, "norm", 1e-3);
      const auto x = random.floats(static_cast<size_t>(rows * channels), -2.0f, 3.0f), dy = random.floats(x.size(), -1.0f, 1.0f);

      // From the formula, in double precision.
      const test::Matrix input = test::toMatrix(x, rows), gradient = test::toMatrix(dy, rows);
      const test::Vector weight = test::toVector(norm.weight->value.span());
      test::Matrix want(rows, channels), normalized(rows, channels);
      for (int64_t r = 0; r < rows; ++r) {
        const test::Vector centred = input.row(r).array() - input.row(r).mean();
        const double inverse = 1.0 / std::sqrt(centred.squaredNorm() / static_cast<double>(channels) + static_cast<double>(1e-3f));
        normalized.row(r) = centred * inverse;
        const test::Vector g = gradient.row(r).cwiseProduct(weight);
        want.row(r) =
            inverse * (g.array() - g.mean() - normalized.row(r).array() * g.dot(normalized.row(r)) / static_cast<double>(channels));
      }
      std::vector<float> statistics(static_cast<size_t>(2 * rows)), added(x.size() + FloatBuffer::kSlack, 0.5f), source = dy;
      source.resize(dy.size() + FloatBuffer::kSlack);
      std::vector<float> from = x;
      from.resize(x.size() + FloatBuffer::kSlack);
      layerNormBackward(test::execution(), rows, norm, from.data(), source.data(), statistics.data(), added.data(), /*accumulate=*/true);
      added.resize(x.size());
      CHECK(test::relativeDifference(added, want.array() + 0.5) <= 1e-5);
      CHECK(test::relativeDifference(norm.weight->gradient.span(), gradient.cwiseProduct(normalized).colwise().sum()) <= 1e-5);
      CHECK(test::relativeDifference(norm.bias->gradient.span(), gradient.colwise().sum()) <= 1e-5);
      layerNormBackward(test::execution(), rows, norm, from.data(), source.data(), statistics.data(), source.data(), /*accumulate=*/false);
      source.resize(x.size());
      CHECK(test::relativeDifference(source, want) <= 1e-5);
    }
}

}  // namespace beit
