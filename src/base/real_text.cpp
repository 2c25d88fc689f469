#include "src/base/real_text.h"

#include <cmath>
#include <cstdint>

namespace beit {

std::string realText(double value) {
  constexpr int kDigits = 9;
  struct Power {
    int exponent;
    double value, inverse_times_ten;
  };
  constexpr Power kPowers[] = {{256, 1e256, 1e-255}, {128, 1e128, 1e-127}, {64, 1e64, 1e-63}, {32, 1e32, 1e-31}, {16, 1e16, 1e-15},
                               {8, 1e8, 1e-7},       {4, 1e4, 1e-3},       {2, 1e2, 1e-1},    {1, 1e1, 1e0}};
  if (std::isnan(value)) return "nan";
  std::string text = std::signbit(value) ? "-" : "";
  value = std::abs(value);
  if (std::isinf(value)) return text + "inf";
  if (value == 0.0) return text + "0";
  // To 1 to 10 times a power of ten.
  int exponent = 0;
  for (const Power& power : kPowers) {
    if (value >= power.value) {
      value /= power.value;
      exponent += power.exponent;
    } else if (value < power.inverse_times_ten) {
      value *= power.value;
      exponent -= power.exponent;
    }
  }
  auto rounded = static_cast<int64_t>(std::nearbyint(value * 1e8));
  if (rounded == 1'000'000'000) {
    rounded /= 10;
    ++exponent;
  }
  std::string digits = std::to_string(rounded);
  while (digits.size() > 1 && digits.back() == '0') digits.pop_back();
  const auto count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= kDigits) {
    text += digits[0];
    if (count > 1) text += "." + digits.substr(1);
    const std::string power = std::to_string(std::abs(exponent));
    return text + (exponent < 0 ? "e-" : "e+") + (power.size() < 2 ? "0" : "") + power;
  }
  if (exponent < 0) return text + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  if (count <= exponent) return text + digits + std::string(static_cast<size_t>(exponent + 1 - count), '0');
  text += digits.substr(0, static_cast<size_t>(exponent) + 1);
  if (count > exponent + 1) text += "." + digits.substr(static_cast<size_t>(exponent) + 1);
  return text;
}

}  // namespace beit
