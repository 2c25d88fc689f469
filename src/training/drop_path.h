// Stochastic depth: now and then a sample goes past a branch of a layer.
// Reference: transformers modeling_beit.py, drop_path; unilm beit/modeling_finetune.py.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace beit {

// Returns how often a branch of each layer is dropped: from 0 to `rate`, evenly.
std::vector<double> dropPathRates(double rate, int64_t layers);

// Fills factors (layers, 2) of one example, one for the branch of each layer's attention and one for that of its MLP: 0 where it is
// dropped, else 1 / (1 - rate). `example` is its place in the batch of that step.
void fillDropPath(std::span<const double> rates, int64_t seed, int64_t step, int64_t example, std::span<float> factors);

}  // namespace beit
