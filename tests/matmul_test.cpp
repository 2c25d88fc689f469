#include "src/matmul.h"

#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "tests/support/random.h"
#include "tests/support/reference.h"

namespace beit {

TEST_CASE("multiply is a matrix product for every small size, and writes nothing else", "[matmul]") {
  test::Random random(1);
  constexpr float kUntouched = 1234.5f;
  constexpr int64_t kOverread = 7;
  for (int64_t rows = 1; rows <= 13; ++rows) {
    for (int64_t columns = 1; columns <= 18; ++columns) {
      for (const int64_t depth : {0, 1, 2, 7, 12, 33}) {
        const int64_t left_stride = depth + 3, right_stride = columns + 2, output_stride = columns + 5;
        const auto left = random.floats(static_cast<size_t>(rows * left_stride), -1.0f, 1.0f);
        // As much to read as is promised and no more: AddressSanitizer sees the rest.
        const auto right = random.floats(static_cast<size_t>(depth * right_stride + kOverread), -1.0f, 1.0f);
        std::vector<float> output(static_cast<size_t>(rows * output_stride), kUntouched);
        multiply(rows, columns, depth, left.data(), left_stride, right.data(), right_stride, output.data(), output_stride);

        const auto product = [&](int64_t r, int64_t c) {
          double sum = 0.0;
          for (int64_t k = 0; k < depth; ++k)
            sum += static_cast<double>(left[static_cast<size_t>(r * left_stride + k)]) * right[static_cast<size_t>(k * right_stride + c)];
          return sum;
        };
        size_t wrong = 0;
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t c = 0; c < output_stride; ++c) {
            const float got = output[static_cast<size_t>(r * output_stride + c)];
            if (c >= columns) wrong += got != kUntouched;
            else wrong += !(std::abs(got - product(r, c)) <= 2e-6);  // 33 roundings of sums below 10
          }
        if (wrong) FAIL_CHECK(wrong << " of " << rows << " x " << columns << " x " << depth);
      }
    }
  }
  SUCCEED();
}

TEST_CASE("What lies behind the columns of the right operand has no influence", "[matmul]") {
  const std::vector<float> left{1.0f, 2.0f};
  std::vector<float> right(2 + 1 + 7 + 1, std::numeric_limits<float>::quiet_NaN());
  right[0] = 3.0f;
  right[1] = 4.0f;
  float output = 0.0f;
  multiply(1, 1, 2, left.data(), 2, right.data(), 1, &output, 1);
  CHECK(output == 11.0f);
}

}  // namespace beit
