#include "src/base/tensor.h"

#include <cstdint>

#include <catch2/catch_test_macros.hpp>

namespace beit {

TEST_CASE("elementCount multiplies, and refuses what JavaScript cannot count", "[tensor]") {
  CHECK(elementCount({}) == 1);
  CHECK(elementCount({2, 3, 4}) == 24);
  CHECK(elementCount({2, 0, 4}) == 0);
  CHECK(elementCount({int64_t{1} << 53}) == int64_t{1} << 53);
  CHECK_FALSE(elementCount({(int64_t{1} << 53) + 1}));
  CHECK_FALSE(elementCount({int64_t{1} << 32, int64_t{1} << 32}));
  CHECK_FALSE(elementCount({3, -1}));
  CHECK_FALSE(elementCount({0, -1}));
}

TEST_CASE("DType names are safetensors' and lead back to the type", "[tensor]") {
  for (DType dtype : {DType::kF64, DType::kF32, DType::kF16, DType::kBF16, DType::kI64, DType::kI32, DType::kI16, DType::kI8, DType::kU64,
                      DType::kU32, DType::kU16, DType::kU8, DType::kBool}) {
    CHECK(parseDType(toString(dtype)) == dtype);
  }
  CHECK(elementSize(DType::kBF16) == 2);
  CHECK(elementSize(DType::kBool) == 1);
  CHECK_FALSE(parseDType("F8_E4M3"));
  CHECK_FALSE(parseDType(""));
}

TEST_CASE("FloatBuffer is aligned, has readable zeros behind it and fails by value", "[tensor]") {
  auto buffer = FloatBuffer::allocate(5, "a test");
  REQUIRE(buffer.ok());
  CHECK(buffer->size() == 5);
  CHECK(reinterpret_cast<uintptr_t>(buffer->data()) % 64 == 0);
  for (size_t i = 0; i < FloatBuffer::kSlack; ++i) CHECK(buffer->data()[5 + i] == 0.0f);

  auto huge = FloatBuffer::allocate(SIZE_MAX / 4, "a test of size");
  REQUIRE_FALSE(huge.ok());
  CHECK(huge.error().code == ErrorCode::kOutOfMemory);
  CHECK(huge.error().message.find("a test of size") != std::string::npos);
}

TEST_CASE("FloatBuffer::copyOf holds the values apart from theirs", "[tensor]") {
  float values[] = {1.0f, 2.0f, 3.0f};
  auto copy = FloatBuffer::copyOf(values, "a test");
  REQUIRE(copy.ok());
  values[1] = 9.0f;
  REQUIRE(copy->size() == 3);
  CHECK(copy->data()[1] == 2.0f);
  CHECK(copy->data()[3] == 0.0f);  // the slack
  auto none = FloatBuffer::copyOf({}, "a test");
  REQUIRE(none.ok());
  CHECK(none->empty());
}

TEST_CASE("Tensor::allocate refuses a shape that is no shape", "[tensor]") {
  auto tensor = Tensor::allocate({2, -3}, "pixel_values");
  REQUIRE_FALSE(tensor.ok());
  CHECK(tensor.error().code == ErrorCode::kWrongShape);
  CHECK(tensor.error().got == "[2, -3]");

  auto good = Tensor::allocate({2, 3}, "pixel_values");
  REQUIRE(good.ok());
  CHECK(good->values.size() == 6);
}

}  // namespace beit
