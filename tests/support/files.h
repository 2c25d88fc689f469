// Reading files in tests: the library itself does no I/O.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace beit::test {

// Returns the bytes of a file; empty when it cannot be read.
inline std::vector<uint8_t> readBytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline std::string readText(const std::filesystem::path& path) {
  const auto bytes = readBytes(path);
  return {bytes.begin(), bytes.end()};
}

}  // namespace beit::test
