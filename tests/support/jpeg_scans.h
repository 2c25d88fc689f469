// JPEGs whose last scan comes again and again.
#pragma once

#include <string>

#include <catch2/catch_test_macros.hpp>

namespace beit::test {

// Returns a file of several scans with its last one `more` times more.
inline std::string withScans(const std::string& jpeg, int more) {
  const size_t scan = jpeg.rfind("\xFF\xDA"), end = jpeg.size() - 2;
  REQUIRE(scan != std::string::npos);
  std::string file = jpeg.substr(0, end);
  for (int i = 0; i < more; ++i) file += jpeg.substr(scan, end - scan);
  return file + jpeg.substr(end);
}

}  // namespace beit::test
