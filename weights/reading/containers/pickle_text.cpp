#include "weights/reading/containers/pickle_text.h"

#include <algorithm>
#include <cstdint>

namespace beit {

namespace {

// Returns the number that `count` hexadecimal digits at `at` stand for, or nothing.
std::optional<uint32_t> hexadecimal(std::string_view text, size_t at, size_t count) {
  if (at > text.size() || text.size() - at < count) return std::nullopt;
  uint32_t value = 0;
  for (const char c : text.substr(at, count)) {
    const uint32_t digit = c >= '0' && c <= '9'   ? static_cast<uint32_t>(c - '0')
                           : c >= 'a' && c <= 'f' ? static_cast<uint32_t>(c - 'a' + 10)
                           : c >= 'A' && c <= 'F' ? static_cast<uint32_t>(c - 'A' + 10)
                                                  : 16;
    if (digit == 16) return std::nullopt;
    value = value << 4 | digit;
  }
  return value;
}

void appendUtf8(std::string& out, uint32_t character) {
  const auto add = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (character < 0x80) return add(character);
  if (character < 0x800) {
    add(0xC0 | character >> 6);
  } else {
    if (character < 0x10000) {
      add(0xE0 | character >> 12);
    } else {
      add(0xF0 | character >> 18);
      add(0x80 | (character >> 12 & 0x3F));
    }
    add(0x80 | (character >> 6 & 0x3F));
  }
  add(0x80 | (character & 0x3F));
}

}  // namespace

std::optional<std::string> fromPythonLiteral(std::string_view line) {
  if (line.size() < 2 || (line.front() != '\'' && line.front() != '"') || line.back() != line.front()) return std::nullopt;
  line = line.substr(1, line.size() - 2);
  constexpr std::string_view kNames = "abfnrtv\\'\"", kValues = "\a\b\f\n\r\t\v\\'\"";
  std::string text;
  for (size_t at = 0; at < line.size(); ++at) {
    if (line[at] != '\\') {
      text += line[at];
      continue;
    }
    if (++at == line.size()) return std::nullopt;
    if (const size_t name = kNames.find(line[at]); name != std::string_view::npos) {
      text += kValues[name];
    } else if (line[at] == 'x') {
      const auto value = hexadecimal(line, at + 1, 2);
      if (!value) return std::nullopt;
      text += static_cast<char>(*value);
      at += 2;
    } else {
      return std::nullopt;
    }
  }
  return text;
}

std::optional<std::string> fromRawUnicodeEscape(std::string_view line) {
  std::string text;
  for (size_t at = 0; at < line.size(); ++at) {
    const bool is_short = line.substr(at).starts_with("\\u"), is_long = line.substr(at).starts_with("\\U");
    if (!is_short && !is_long) {
      appendUtf8(text, static_cast<uint8_t>(line[at]));
      continue;
    }
    const size_t digits = is_short ? 4 : 8;
    const auto character = hexadecimal(line, at + 2, digits);
    if (!character || *character > 0x10FFFF || (*character >= 0xD800 && *character < 0xE000)) return std::nullopt;
    appendUtf8(text, *character);
    at += 1 + digits;
  }
  return text;
}

bool isUtf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[at + i]); };
    const size_t length = byte(0) < 0x80 ? 1 : byte(0) < 0xC2 ? 0 : byte(0) < 0xE0 ? 2 : byte(0) < 0xF0 ? 3 : byte(0) < 0xF5 ? 4 : 0;
    if (length == 0 || text.size() - at < length) return false;
    for (size_t i = 1; i < length; ++i)
      if ((byte(i) & 0xC0) != 0x80) return false;
    if (byte(0) == 0xE0 && byte(1) < 0xA0) return false;  // overlong
    if (byte(0) == 0xED && byte(1) > 0x9F) return false;  // surrogates
    if (byte(0) == 0xF0 && byte(1) < 0x90) return false;  // overlong
    if (byte(0) == 0xF4 && byte(1) > 0x8F) return false;  // past the last character
    at += length;
  }
  return true;
}

std::string printable(std::string_view text) {
  constexpr size_t kMax = 100;
  std::string out(text.substr(0, kMax));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < 0x20 || c > 0x7E; }, '?');
  return text.size() > kMax ? out + "..." : out;
}

}  // namespace beit
