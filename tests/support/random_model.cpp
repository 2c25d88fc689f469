#include "tests/support/random_model.h"

#include <algorithm>
#include <cmath>

#include <catch2/catch_test_macros.hpp>

namespace beit::test {

Weights randomWeights(const ParameterList& parameters, uint32_t seed) {
  Random random(seed);
  Weights weights;
  for (const Parameter& parameter : parameters.all()) {
    const std::string& name = parameter.name;
    const auto count = static_cast<size_t>(elementCount(parameter.shape).value());
    float low = -0.5f, high = 0.5f;
    if (name.ends_with("relative_position_bias_table")) {
      low = -1.0f, high = 1.0f;
    } else if (name.ends_with(".bias") || name.ends_with("_token")) {
      low = -0.3f, high = 0.3f;
    } else if (name.find("layernorm") != std::string::npos || name.find("lambda") != std::string::npos) {
      low = 0.5f, high = 1.5f;
    } else if (parameter.shape.size() >= 2 && !name.ends_with("position_embeddings")) {
      const auto inputs = static_cast<float>(count) / static_cast<float>(parameter.shape[0]);
      high = 1.7f / std::sqrt(inputs);  // a standard deviation of 1/sqrt(inputs)
      low = -high;
    }
    weights[name] = random.floats(count, low, high);
  }
  return weights;
}

Status fill(ParameterList& parameters, Weights weights) {
  for (size_t i = 0; i < parameters.all().size(); ++i) BEIT_TRY(parameters.deliver(i, weights.at(parameters.all()[i].name)));
  return {};
}

ForwardInputs randomInputs(const BeitConfig& config, int64_t batch, Size image, bool masked, Random& random) {
  ForwardInputs inputs;
  auto pixels = Tensor::allocate({batch, config.num_channels, image.height, image.width}, "pixel_values");
  REQUIRE(pixels.ok());
  inputs.pixel_values = std::move(pixels).value();
  for (float& value : inputs.pixel_values.values.span()) value = random.uniform(-1.0f, 1.0f);
  if (!masked) return inputs;
  inputs.mask_shape = {batch, config.patchGrid(image).area()};
  for (int64_t i = 0; i < batch * config.patchGrid(image).area(); ++i) inputs.bool_masked_pos.push_back(random.below(2) ? 1 : 0);
  return inputs;
}

ForwardInputs copyOf(const ForwardInputs& inputs) {
  ForwardInputs copy;
  auto pixels = FloatBuffer::copyOf(inputs.pixel_values.values.span(), "pixel_values");
  REQUIRE(pixels.ok());
  copy.pixel_values = {inputs.pixel_values.shape, std::move(pixels).value()};
  copy.mask_shape = inputs.mask_shape;
  copy.bool_masked_pos = inputs.bool_masked_pos;
  copy.labels = inputs.labels;
  return copy;
}

std::map<std::string, Tensor> outputsOf(const ForwardPass& pass) {
  std::map<std::string, Tensor> outputs;
  for (const NamedTensor& output : pass.outputs()) {
    auto values = FloatBuffer::copyOf(output.tensor.values.span(), "an output");
    REQUIRE(values.ok());
    outputs[output.name] = {output.tensor.shape, std::move(values).value()};
  }
  return outputs;
}

std::map<std::string, Tensor> outputsOf(Model& model, ForwardInputs inputs, const ForwardOptions& options) {
  auto pass = model.begin(std::move(inputs), options);
  if (!pass.ok()) FAIL(pass.error().message);
  for (bool done = false; !done;) {
    const auto step = (*pass)->step();
    if (!step.ok()) FAIL(step.error().message);
    done = *step;
  }
  return outputsOf(**pass);
}

}  // namespace beit::test
