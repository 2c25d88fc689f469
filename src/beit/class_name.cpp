#include "src/beit/class_name.h"

namespace beit {

std::string plainClassName(std::string_view class_name) {
  if (class_name.starts_with("Flax")) return plainClassName(class_name.substr(4));
  constexpr std::string_view kData2Vec = "Data2VecVision";
  if (class_name.starts_with(kData2Vec)) return "Beit" + std::string(class_name.substr(kData2Vec.size()));
  return std::string(class_name);
}

}  // namespace beit
