// What modules without embind answer with: texts that JavaScript reads from memory (web/core/plain-module.ts).
#pragma once

#include <cstdint>
#include <string_view>

#include "src/base/result.h"

namespace beit {

struct ModuleText {
  const char* data;
  uint32_t size;
};

inline ModuleText moduleText(std::string_view text) { return {text.data(), static_cast<uint32_t>(text.size())}; }

// An error's, in the order in which they are read.
struct ErrorTexts {
  ModuleText code, message, where, got, expected;
};

// Returns an error's texts, which are its own.
inline ErrorTexts errorTexts(const Error& error) {
  return {moduleText(codeName(error.code)), moduleText(error.message), moduleText(error.where), moduleText(error.got),
          moduleText(error.expected)};
}

}  // namespace beit
