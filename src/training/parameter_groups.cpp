#include "src/training/parameter_groups.h"

#include <charconv>
#include <cmath>

namespace beit {
namespace {

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace

int64_t layerIdOf(std::string_view name, int64_t layers) {
  if (name.starts_with("beit.embeddings.")) return 0;
  constexpr std::string_view kLayer = "beit.encoder.layer.";
  int64_t layer = 0;
  if (name.starts_with(kLayer) && std::from_chars(name.data() + kLayer.size(), name.data() + name.size(), layer).ec == std::errc()) {
    return layer + 1;
  }
  return layers + 1;
}

bool isDecayed(TrainingConventions conventions, std::string_view name, const Shape& shape) {
  if (conventions == TrainingConventions::kTransformers) return !contains(name, "layernorm") && !contains(name, "bias");
  return shape.size() > 1 && !name.ends_with("position_embeddings") && !name.ends_with("cls_token");
}

double rateFactorOf(const TrainingSettings& settings, std::string_view name, int64_t layers) {
  const double scale = std::pow(settings.layer_decay, static_cast<double>(layers + 1 - layerIdOf(name, layers)));
  return name.starts_with("beit.") ? scale : scale * settings.head_rate_factor;
}

}  // namespace beit
