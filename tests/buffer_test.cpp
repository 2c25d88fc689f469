#include "src/base/buffer.h"

#include <cstdint>
#include <limits>

#include <catch2/catch_test_macros.hpp>

#include "src/base/tensor.h"

namespace beit {

TEST_CASE("Buffer gives its elements, none included, and takes over malloc's", "[buffer]") {
  for (const int64_t count : {int64_t{0}, int64_t{1}, int64_t{1000}}) {
    auto buffer = Buffer<int32_t>::allocate(count, "a test");
    REQUIRE(buffer.ok());
    CHECK(buffer->data() != nullptr);
    CHECK(buffer->size() == static_cast<size_t>(count));
    for (size_t i = 0; i < buffer->size(); ++i) (*buffer)[i] = static_cast<int32_t>(i);
  }
  auto adopted = Buffer<uint8_t>::adopt(static_cast<uint8_t*>(std::malloc(3)), 3);
  CHECK(adopted.size() == 3);
}

TEST_CASE("A count that wraps or that memory cannot address is refused, with what it is for", "[buffer]") {
  const int64_t most = std::numeric_limits<int64_t>::max();
  for (const int64_t count : {int64_t{-1}, std::numeric_limits<int64_t>::min(), int64_t{1} << 62, most}) {
    CAPTURE(count);
    const auto bytes = Buffer<uint16_t>::allocate(count, "labels");
    REQUIRE_FALSE(bytes.ok());
    CHECK(bytes.error().code == ErrorCode::kOutOfMemory);
    CHECK(bytes.error().message == "No memory for " + std::to_string(count) + " elements of 2 bytes of labels.");
    CHECK(bytes.error().bytes == 0);  // a count that says nothing
    if (count < 0) continue;          // an assert of FloatBuffer's
    const auto floats = FloatBuffer::allocate(count, "labels");
    REQUIRE_FALSE(floats.ok());
    CHECK(floats.error().code == ErrorCode::kOutOfMemory);
  }
}

TEST_CASE("2^32 elements are not none where size_t has 32 bits", "[buffer]") {
  if (sizeof(size_t) > 4) SKIP("Memory for them may exist here: only the 32 bits of wasm wrap.");
  for (const int64_t count : {int64_t{1} << 32, (int64_t{1} << 32) + 1, int64_t{1} << 31, int64_t{1} << 30}) {
    CAPTURE(count);
    CHECK_FALSE(Buffer<uint32_t>::allocate(count, "labels").ok());
    CHECK_FALSE(FloatBuffer::allocate(count, "labels").ok());
  }
  CHECK_FALSE(Buffer<uint8_t>::allocate(int64_t{1} << 32, "bytes").ok());
}

}  // namespace beit
