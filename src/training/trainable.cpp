#include "src/training/trainable.h"

#include <charconv>

namespace beit {

namespace {

constexpr std::string_view kLayer = "beit.encoder.layer.";

// Returns the layer that the parameter is of, or -1.
int64_t layerOf(std::string_view name) {
  if (!name.starts_with(kLayer)) return -1;
  int64_t layer = -1;
  std::from_chars(name.data() + kLayer.size(), name.data() + name.size(), layer);
  return layer;
}

bool isMatrix(std::string_view name) {
  return name.ends_with(".position_embeddings") || (name.ends_with(".weight") && name.find("layernorm") == std::string_view::npos);
}

}  // namespace

Result<Trainable> parseTrainable(std::string_view text, int64_t layers) {
  if (text == "full") return Trainable{};
  if (text == "vectors") return Trainable{Trainable::Method::kVectors};
  constexpr std::string_view kLast = "last:";
  if (text.starts_with(kLast)) {
    const char* end = text.data() + text.size();
    int64_t last = 0;
    const auto [at, error] = std::from_chars(text.data() + kLast.size(), end, last);
    if (error == std::errc() && at == end && last >= 0 && last <= layers) return Trainable{Trainable::Method::kLast, last};
  }
  return mismatch(ErrorCode::kInvalidArgument, "method", "\"" + std::string(text) + "\"",
                  "full, vectors, or last:N with N of 0 to " + std::to_string(layers));
}

int64_t frozenLayers(const Trainable& which, const BeitConfig& config) {
  return which.method == Trainable::Method::kLast ? config.num_hidden_layers - which.layers : 0;
}

bool isTrained(const Trainable& which, const BeitConfig& config, std::string_view name) {
  const bool of_body = name.starts_with("beit.");
  if (!of_body) return true;
  switch (which.method) {
    case Trainable::Method::kFull: return true;
    case Trainable::Method::kVectors: return !isMatrix(name);
    case Trainable::Method::kLast:
      if (name.starts_with("beit.layernorm.") || name.starts_with("beit.pooler.")) return true;
      return layerOf(name) >= 0 && layerOf(name) >= frozenLayers(which, config);
  }
  return false;
}

}  // namespace beit
