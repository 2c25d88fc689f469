// Models with random weights, and passes through them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/beit/config.h"
#include "src/model/model.h"
#include "tests/support/random.h"

namespace beit::test {

// Values of parameters by the project's names, row-major.
using Weights = std::map<std::string, std::vector<float>>;

// Returns values for every parameter of the list, of a size that keeps states near 1: matrices by
// 1/sqrt(inputs), scales around 1, the rest small.
Weights randomWeights(const ParameterList& parameters, uint32_t seed);

// Hands the values to the parameters. Errors: those of the receivers.
Status fill(ParameterList& parameters, Weights weights);

// Returns random pixel values (batch, channels, height, width), with a random mask where `masked`.
ForwardInputs randomInputs(const BeitConfig& config, int64_t batch, Size image, bool masked, Random& random);

// Returns a copy; ForwardInputs itself only moves.
ForwardInputs copyOf(const ForwardInputs& inputs);

// Runs a pass to its end and returns its outputs by name; fails the test case where that fails.
std::map<std::string, Tensor> outputsOf(Model& model, ForwardInputs inputs, const ForwardOptions& options = {});

// Returns the outputs of a pass whose last step is done.
std::map<std::string, Tensor> outputsOf(const ForwardPass& pass);

}  // namespace beit::test
