#include "src/training/parameter_groups.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "tests/support/training_golden.h"

namespace beit {
namespace {

constexpr int64_t kLayers = 2;

TEST_CASE("decay and layers of every parameter are unilm's and the Trainer's", "[parameter_groups]") {
  const Json golden = test::trainingGolden();
  int decayed[2] = {}, count = 0;
  for (const JsonValue row : golden.root().find("parameters").items()) {
    std::vector<JsonValue> fields;
    for (const JsonValue field : row.items()) fields.push_back(field);
    const std::string name(fields.at(0).asString().value());
    Shape shape;
    for (const double side : test::doublesOf(fields.at(1))) shape.push_back(static_cast<int64_t>(side));
    CAPTURE(name);
    CHECK(layerIdOf(name, kLayers) == fields.at(2).asInt64());
    const bool unilm = isDecayed(TrainingConventions::kUnilm, name, shape);
    const bool transformers = isDecayed(TrainingConventions::kTransformers, name, shape);
    CHECK(unilm == (fields.at(3).asInt64() == 1));
    CHECK(transformers == (fields.at(4).asInt64() == 1));
    decayed[0] += unilm;
    decayed[1] += transformers;
    ++count;
  }
  CHECK(count == 44);
  CHECK(decayed[0] == 16);
  CHECK(decayed[1] == 20);
}

TEST_CASE("rates fall with the distance from the head", "[parameter_groups]") {
  TrainingSettings settings;
  settings.layer_decay = 0.5;
  settings.head_rate_factor = 3.0;
  const auto factor = [&](const char* name) { return rateFactorOf(settings, name, 12); };
  CHECK(factor("classifier.weight") == 3.0);
  CHECK(factor("beit.pooler.layernorm.weight") == 1.0);
  CHECK(factor("beit.encoder.relative_position_bias.relative_position_bias_table") == 1.0);
  CHECK(factor("beit.encoder.layer.11.lambda_1") == 0.5);
  CHECK(factor("beit.encoder.layer.0.lambda_1") == std::pow(0.5, 12));
  CHECK(factor("beit.embeddings.cls_token") == std::pow(0.5, 13));
  settings.layer_decay = 1.0;
  CHECK(factor("beit.embeddings.cls_token") == 1.0);
}

}  // namespace
}  // namespace beit
