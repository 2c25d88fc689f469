#include "weights/reading/element_convert.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <catch2/catch_test_macros.hpp>

namespace beit {

namespace {

// Converts elements that begin at an odd address.
template <typename T>
std::vector<float> converted(DType dtype, const std::vector<T>& elements) {
  std::vector<uint8_t> bytes(1 + elements.size() * sizeof(T));
  std::memcpy(bytes.data() + 1, elements.data(), elements.size() * sizeof(T));
  std::vector<float> out(elements.size());
  convertElements(dtype, std::span(bytes).subspan(1), out.data());
  return out;
}

uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

}  // namespace

TEST_CASE("Every half is converted exactly", "[element_convert]") {
  std::vector<uint16_t> halves(65536);
  for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(i);
  const auto got = converted(DType::kF16, halves);
  size_t wrong = 0;
  for (size_t i = 0; i < halves.size(); ++i) {
    const int exponent = static_cast<int>(i >> 10 & 31), fraction = static_cast<int>(i & 1023);
    const double magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    if (exponent == 31) {
      wrong += fraction ? !std::isnan(got[i]) : !std::isinf(got[i]);
      wrong += std::signbit(got[i]) != (i >= 32768);
    } else {
      const double want = i >= 32768 ? -magnitude : magnitude;
      wrong += got[i] != want || std::signbit(got[i]) != std::signbit(want);
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("Every bfloat16 is the upper half of its float", "[element_convert]") {
  std::vector<uint16_t> elements(65536);
  for (size_t i = 0; i < elements.size(); ++i) elements[i] = static_cast<uint16_t>(i);
  const auto got = converted(DType::kBF16, elements);
  size_t wrong = 0;
  for (size_t i = 0; i < elements.size(); ++i) {
    const bool nan = (i & 0x7f80) == 0x7f80 && (i & 0x7f) != 0;
    wrong += nan ? !std::isnan(got[i]) : bitsOf(got[i]) != static_cast<uint32_t>(i) << 16;
  }
  CHECK(wrong == 0);
}

TEST_CASE("Floats stay, and doubles are rounded to the nearest", "[element_convert]") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> floats{0.0f, -0.0f, 1.5f, -3e38f, 1e-45f, kInfinity};
  CHECK(converted(DType::kF32, floats) == floats);
  CHECK(std::isnan(converted(DType::kF32, std::vector<float>{std::nanf("")})[0]));
  // 1 + 2^-24 lies half-way between 1 and the next float, and goes to the even one.
  CHECK(converted(DType::kF64, std::vector<double>{0.1, 1.0 + 0x1p-24, 1.0 + 0x1.8p-24, 1e300, -1e300, 1e-300}) ==
        std::vector<float>{0.1f, 1.0f, 1.0f + 0x1p-23f, kInfinity, -kInfinity, 0.0f});
}

TEST_CASE("What is encoded decodes to the nearest element, ties to even", "[element_convert]") {
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    CAPTURE(toString(dtype));
    const auto encoded = [&](const std::vector<float>& values) {
      std::vector<uint16_t> elements(values.size());
      encodeElements(dtype, values, reinterpret_cast<uint8_t*>(elements.data()));
      return elements;
    };
    std::vector<uint16_t> all(65536);
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i);
    const auto floats = converted(dtype, all);
    const auto back = encoded(floats);
    const size_t infinity = dtype == DType::kF16 ? 0x7c00 : 0x7f80;
    size_t wrong = 0;
    for (size_t i = 0; i < all.size(); ++i) wrong += std::isnan(floats[i]) ? (back[i] & 0x7fff) <= infinity : back[i] != all[i];
    CHECK(wrong == 0);
    // Around the middle of each two neighbours; behind the largest stands infinity's place, 2^16 and 2^128.
    for (size_t i = 0; i < infinity; ++i) {
      const double low = static_cast<double>(floats[i]);
      const double high = i + 1 < infinity ? static_cast<double>(floats[i + 1]) : std::ldexp(1.0, dtype == DType::kF16 ? 16 : 128);
      const auto middle = static_cast<float>((low + high) / 2);
      const auto got =
          encoded({std::nextafter(middle, 0.0f), middle, std::nextafter(middle, std::numeric_limits<float>::infinity()), -middle});
      const auto even = static_cast<uint16_t>(i % 2 == 0 ? i : i + 1);
      wrong += got[0] != i || got[1] != even || got[2] != i + 1 || got[3] != (even | 0x8000);
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("No elements are no work", "[element_convert]") {
  float untouched = 7.0f;
  for (const DType dtype : {DType::kF64, DType::kF32, DType::kF16, DType::kBF16}) convertElements(dtype, {}, &untouched);
  CHECK(untouched == 7.0f);
}

TEST_CASE("Weights are floats", "[element_convert]") {
  for (const DType dtype : {DType::kF64, DType::kF32, DType::kF16, DType::kBF16}) CHECK(isWeightType(dtype));
  for (const DType dtype :
       {DType::kI64, DType::kI32, DType::kI16, DType::kI8, DType::kU64, DType::kU32, DType::kU16, DType::kU8, DType::kBool})
    CHECK_FALSE(isWeightType(dtype));
}

}  // namespace beit
