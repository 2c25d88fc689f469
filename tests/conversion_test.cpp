#include "weights/reading/conversion.h"

#include <cmath>
#include <limits>
#include <map>

#include <catch2/catch_test_macros.hpp>

#include "src/registry.h"
#include "tests/support/random_model.h"
#include "tests/support/runtime.h"

namespace beit {

namespace {

std::unique_ptr<Model> emptyModel(WeightType type, std::string_view class_name = "BeitForImageClassification") {
  BeitConfig config;
  config.hidden_size = 4;
  config.num_attention_heads = 2;
  config.num_hidden_layers = 1;
  config.intermediate_size = 6;
  config.image_size = {4, 4};
  config.patch_size = {2, 2};
  config.use_relative_position_bias = true;
  ModelOptions options;
  options.dtype = type;
  auto model = createModel(config, class_name, options, test::execution());
  REQUIRE(model.ok());
  return std::move(model).value();
}

std::unique_ptr<Conversion> conversionTo(DType dtype, WeightType type) {
  auto conversion = Conversion::create(emptyModel(type)->parameters(), "BeitForImageClassification", dtype);
  REQUIRE(conversion.ok());
  return std::move(conversion).value();
}

}  // namespace

TEST_CASE("A conversion to I8 has a matrix and its scales for each that the model holds quantised", "[conversion]") {
  const auto conversion = conversionTo(DType::kI8, WeightType::kInt8);
  std::map<std::string, Conversion::Output> outputs;
  for (const auto& output : conversion->outputs()) CHECK(outputs.emplace(output.name, output).second);
  size_t quantized = 0;
  const auto model = emptyModel(WeightType::kInt8);
  for (const Parameter& parameter : model->parameters().all()) {
    CAPTURE(parameter.name);
    REQUIRE(outputs.contains(parameter.name));
    const auto& output = outputs.at(parameter.name);
    CHECK(output.shape == parameter.shape);
    if (!parameter.receive_quantized) {
      CHECK(output.dtype == (parameter.shape.size() < 2 ? DType::kF32 : DType::kF16));
      continue;
    }
    ++quantized;
    CHECK(output.dtype == DType::kI8);
    REQUIRE(outputs.contains(parameter.name + "_scale"));
    CHECK(outputs.at(parameter.name + "_scale").dtype == DType::kF32);
    CHECK(outputs.at(parameter.name + "_scale").shape == Shape{parameter.shape[0], 1});
  }
  CHECK(quantized == 6);  // query, key, value, output, intermediate, output
  CHECK(outputs.size() == conversion->parameters().all().size() + quantized);
  CHECK(outputs.at("classifier.weight").dtype == DType::kF16);
}

TEST_CASE("A conversion to floats has none, whatever the model computes with", "[conversion]") {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16})
    for (const WeightType type : {WeightType::kFloat32, WeightType::kInt8}) {
      const auto conversion = conversionTo(dtype, type);
      CHECK(conversion->outputs().size() == conversion->parameters().all().size());
      for (const auto& output : conversion->outputs()) CHECK(output.dtype == dtype);
      for (const Parameter& parameter : conversion->parameters().all()) CHECK_FALSE(parameter.receive_quantized);
    }
  CHECK(Conversion::create({}, "BeitModel", DType::kI32).error().code == ErrorCode::kUnsupported);
}

TEST_CASE("Values arrive as pieces, and stored ones as they are", "[conversion]") {
  const auto conversion = conversionTo(DType::kI8, WeightType::kInt8);
  ParameterList& parameters = conversion->parameters();
  const std::string name = "beit.encoder.layer.0.attention.attention.key.weight";
  const auto index = static_cast<size_t>(parameters.find(name) - parameters.all().data());
  std::vector<float> values{1.0f, -2.0f, 0.5f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 3.0f, 3.0f, -3.0f, 1.0f, 1e-3f, 1e-3f, 2e-3f, 0.0f};
  REQUIRE(parameters.deliver(index, values).ok());
  auto pieces = conversion->take();
  REQUIRE(pieces.size() == 2);
  CHECK(conversion->outputs()[pieces[0].tensor].name == name);
  CHECK(conversion->outputs()[pieces[1].tensor].name == name + "_scale");
  const auto* whole = reinterpret_cast<const int8_t*>(pieces[0].bytes.data());
  const std::vector<int> got(whole, whole + 16), want{64, -127, 32, 0, 0, 0, 0, 0, 127, 127, -127, 42, 64, 64, 127, 0};
  CHECK(got == want);
  CHECK(pieces[1].bytes.size() == 16);
  CHECK(conversion->take().empty());

  const std::string other = "beit.encoder.layer.0.attention.attention.value.weight";
  const auto stored = static_cast<size_t>(parameters.find(other) - parameters.all().data());
  const std::vector<int8_t> numbers{-128, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const std::vector<float> scales{1.0f, 2.0f, 3.0f, 4.0f};
  REQUIRE(parameters.deliverQuantized(stored, {numbers, scales}).ok());
  pieces = conversion->take();
  REQUIRE(pieces.size() == 2);
  CHECK(std::equal(numbers.begin(), numbers.end(), reinterpret_cast<const int8_t*>(pieces[0].bytes.data())));
}

TEST_CASE("What a type cannot hold is refused", "[conversion]") {
  const auto refused = [](DType dtype, const std::string& name, float bad) {
    const auto conversion = conversionTo(dtype, WeightType::kInt8);
    ParameterList& parameters = conversion->parameters();
    const Parameter* parameter = parameters.find(name);
    std::vector<float> values(static_cast<size_t>(*elementCount(parameter->shape)), 0.5f);
    values.back() = bad;
    const Status status = parameters.deliver(static_cast<size_t>(parameter - parameters.all().data()), values);
    return status.ok() ? std::string() : std::string(codeName(status.error().code)) + " " + status.error().message;
  };
  const std::string matrix = "beit.encoder.layer.0.output.dense.weight";
  CHECK(refused(DType::kI8, matrix, 1e30f).empty());
  for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()})
    CHECK(refused(DType::kI8, matrix, bad).starts_with("invalid-argument " + matrix + ": got a value that is infinite or NaN"));
  CHECK(refused(DType::kI8, "classifier.weight", 7e4f).starts_with("invalid-argument classifier.weight: got a value of 70000"));
  CHECK(refused(DType::kI8, "classifier.bias", 7e4f).empty());
  CHECK(refused(DType::kF16, "classifier.bias", 7e4f).starts_with("invalid-argument"));
}

}  // namespace beit
