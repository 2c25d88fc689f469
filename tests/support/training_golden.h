// tests/fixtures/golden/training.json, and the numbers that its script drew.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "src/base/json.h"
#include "src/base/tensor.h"
#include "src/image/image.h"
#include "tests/support/files.h"

namespace beit::test {

inline Json trainingGolden() {
  auto json = Json::parse(readText(std::filesystem::path(BEIT_FIXTURES) / "golden" / "training.json"), "training.json");
  REQUIRE(json.ok());
  return std::move(json).value();
}

inline std::vector<double> doublesOf(JsonValue array) {
  std::vector<double> values;
  for (const JsonValue value : array.items()) values.push_back(value.asDouble().value());
  return values;
}

// make_training.py, drawn()
inline std::vector<uint32_t> drawn(uint64_t state, size_t count) {
  std::vector<uint32_t> numbers(count);
  for (uint32_t& number : numbers) {
    state = (state * 1103515245 + 12345) % (uint64_t{1} << 31);
    number = static_cast<uint32_t>(state >> 7);
  }
  return numbers;
}

// floats(), times `scale`
inline void drawFloats(uint64_t seed, std::span<float> values, float scale = 1.0f) {
  const auto numbers = drawn(seed, values.size());
  for (size_t i = 0; i < values.size(); ++i) values[i] = scale * static_cast<float>(static_cast<double>(numbers[i]) / 8388608.0 - 1.0);
}

// picture()
inline Image8 drawnPicture(uint64_t seed, Size size) {
  auto image = Image8::allocate(size, 3, "a test's image");
  REQUIRE(image.ok());
  const auto numbers = drawn(seed, image->data.size());
  for (size_t i = 0; i < numbers.size(); ++i) image->data[i] = static_cast<uint8_t>(numbers[i] >> 16);
  return std::move(image).value();
}

inline std::string hexOf(const Image8& image) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t sample : image.data) text += {kDigits[sample >> 4], kDigits[sample & 15]};
  return text;
}

}  // namespace beit::test
