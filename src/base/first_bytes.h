// What is said of a file that begins as none that is known.
#pragma once

#include <string>
#include <string_view>

namespace beit {

// Returns the first bytes, eight at most, as a person would look at them: "50 4b 03 04 (PK..)".
inline std::string firstBytes(std::string_view text) {
  std::string hex, characters;
  for (const char c : text.substr(0, 8)) {
    constexpr char kDigits[] = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    hex += {kDigits[byte >> 4], kDigits[byte & 15], ' '};
    characters += c > ' ' && c < 0x7F ? c : '.';
  }
  return hex + "(" + characters + ")";
}

}  // namespace beit
