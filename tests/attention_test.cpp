#include "src/layers/transformer/attention.h"

#include <cmath>
#include <limits>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "tests/support/random.h"
#include "tests/support/reference.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

struct Case {
  int64_t heads, head_dim, batch;
  Size grid;  // tokens are one more than its patches
};

AttentionSpec specOf(const Case& c) { return {.hidden = c.heads * c.head_dim, .heads = c.heads}; }

struct Outcome {
  FloatBuffer output, probabilities;
};

Outcome runOn(const Attention& attention, const AttentionSpec& spec, const Case& c, std::span<const float> x, const GridBias& bias) {
  const int64_t tokens = 1 + c.grid.area();
  auto scratch = AttentionScratch::allocate(test::execution(), spec, c.batch, tokens);
  auto output = FloatBuffer::copyOf(x, "states");  // the encoder's attention writes over its input
  auto probabilities = FloatBuffer::allocate(c.batch * c.heads * tokens * tokens, "probabilities");
  REQUIRE((scratch.ok() && output.ok() && probabilities.ok()));
  REQUIRE(attention.run(test::execution(), c.batch, tokens, output->data(), bias, *scratch, output->data(), probabilities->data()).ok());
  return {std::move(output).value(), std::move(probabilities).value()};
}

}  // namespace

TEST_CASE("Attention is softmax(Q K^T / sqrt(D) + bias) V through its output layer", "[attention]") {
  // Odd head sizes, tokens around multiples of 4, 8 and the 24 rows of a task.
  const Case cases[] = {{1, 1, 1, {1, 1}}, {2, 9, 1, {1, 2}},  {3, 12, 2, {3, 1}}, {2, 5, 3, {2, 3}},
                        {4, 8, 1, {1, 7}}, {1, 16, 2, {4, 6}}, {2, 7, 1, {5, 5}},  {2, 64, 1, {7, 10}}};
  uint32_t seed = 1;
  for (const Case& c : cases) {
    for (const bool biased : {false, true}) {
      CAPTURE(c.heads, c.head_dim, c.batch, c.grid.height, c.grid.width, biased);
      test::Random random(++seed);
      const AttentionSpec spec = specOf(c);
      const int64_t tokens = 1 + c.grid.area(), channels = spec.hidden;
      ParameterList parameters;
      Attention attention;
      attention.declare(test::execution(), parameters, "attention", spec);
      CHECK(parameters.all().size() == 7);  // keys have no bias
      CHECK(parameters.find("attention.attention.key.bias") == nullptr);
      const auto weights = test::randomWeights(parameters, seed);
      REQUIRE(test::fill(parameters, weights).ok());

      GridBias bias;
      std::vector<test::Matrix> bias_matrices;
      if (biased) {
        const int64_t distances = (2 * c.grid.height - 1) * (2 * c.grid.width - 1) + 3;
        const auto table = random.floats(static_cast<size_t>(distances * c.heads), -2.0f, 2.0f);
        bias = GridBias(table, c.grid, c.heads);
        const Eigen::MatrixXi index = test::relativePositionIndex(c.grid);
        for (int64_t head = 0; head < c.heads; ++head)
          bias_matrices.emplace_back(index.cast<double>().unaryExpr([&](double row) {
            return static_cast<double>(table[static_cast<size_t>(row) * static_cast<size_t>(c.heads) + static_cast<size_t>(head)]);
          }));
      }
      const auto x = random.floats(static_cast<size_t>(c.batch * tokens * channels), -2.0f, 2.0f);
      const Outcome got = runOn(attention, spec, c, x, bias);
      for (int64_t b = 0; b < c.batch; ++b) {
        const auto sequence = static_cast<size_t>(tokens * channels), square = static_cast<size_t>(tokens * tokens);
        const auto want = test::attention(test::toMatrix(std::span(x).subspan(static_cast<size_t>(b) * sequence, sequence), tokens),
                                          weights, "attention", c.heads, bias_matrices);
        // Scores of up to 10 carry an error of 1e-6, which exp passes on.
        CHECK(test::relativeDifference(got.output.span().subspan(static_cast<size_t>(b) * sequence, sequence), want.output) <= 5e-6);
        for (int64_t head = 0; head < c.heads; ++head)
          CHECK(test::relativeDifference(got.probabilities.span().subspan(static_cast<size_t>(b * c.heads + head) * square, square),
                                         want.probabilities[static_cast<size_t>(head)]) <= 2e-6);
      }
    }
  }
}

TEST_CASE("Scores far apart neither overflow nor vanish, wherever the largest is", "[attention]") {
  for (const Size grid : {Size{1, 1}, {1, 2}, {2, 2}, {3, 2}, {2, 5}}) {
    const Case c{1, 4, 1, grid};
    const AttentionSpec spec = specOf(c);
    const int64_t tokens = 1 + grid.area();
    ParameterList parameters;
    Attention attention;
    attention.declare(test::execution(), parameters, "attention", spec);
    const auto weights = test::randomWeights(parameters, 9);
    REQUIRE(test::fill(parameters, weights).ok());
    for (int64_t large = 0; large < tokens; ++large) {
      CAPTURE(tokens, large);
      test::Random random(10);
      auto x = random.floats(static_cast<size_t>(tokens * 4), -1.0f, 1.0f);
      for (int64_t i = 0; i < 4; ++i) x[static_cast<size_t>(large * 4 + i)] *= 100.0f;
      const Outcome got = runOn(attention, spec, c, x, {});
      const auto want = test::attention(test::toMatrix(x, tokens), weights, "attention", 1, {});
      // Scores of up to 10,000 are known to 1e-3, and so are the logarithms of probabilities.
      CHECK(test::relativeDifference(got.probabilities.span(), want.probabilities[0]) <= 3e-3);
    }
  }
}

TEST_CASE("A NaN in one image leaves the others of its batch alone", "[attention]") {
  const Case c{2, 4, 2, {2, 2}};
  const AttentionSpec spec = specOf(c);
  ParameterList parameters;
  Attention attention;
  attention.declare(test::execution(), parameters, "attention", spec);
  REQUIRE(test::fill(parameters, test::randomWeights(parameters, 7)).ok());
  test::Random random(8);
  auto x = random.floats(static_cast<size_t>(c.batch * 5 * 8), -1.0f, 1.0f);
  const Outcome clean = runOn(attention, spec, c, x, {});
  x[3] = std::numeric_limits<float>::quiet_NaN();  // cls of the first image
  const Outcome got = runOn(attention, spec, c, x, {});
  // Every token looks at cls. Its NaN may become an infinity on the way.
  for (size_t i = 0; i < 5 * 8; ++i) CHECK_FALSE(std::isfinite(got.output.data()[i]));
  for (size_t i = 5 * 8; i < 2 * 5 * 8; ++i) CHECK(got.output.data()[i] == clean.output.data()[i]);
}

}  // namespace beit
