// What the optimiser does with a parameter, by its name: whether it is decayed, and how fast it learns.
// Reference: unilm beit/optim_factory.py, get_parameter_groups and get_num_layer_for_vit; transformers trainer.py,
// get_decay_parameter_names.
#pragma once

#include <cstdint>
#include <string_view>

#include "src/base/tensor.h"
#include "src/training/training_settings.h"

namespace beit {

// Whether weight decay is for a parameter of that name and shape. unilm leaves out what has one dimension, biases, positions and the cls
// token, and decays tables of position biases; transformers leaves out layer norms and what is called a bias, tables too.
bool isDecayed(TrainingConventions conventions, std::string_view name, const Shape& shape);

// Returns the number by which unilm scales rates: 0 for the embeddings, i + 1 for layer i, and layers + 1 for all that is behind or shared.
int64_t layerIdOf(std::string_view name, int64_t layers);

// Returns what the rate of a parameter is beside the schedule's: layer_decay to the power of its distance from the head, times
// head_rate_factor in the head.
double rateFactorOf(const TrainingSettings& settings, std::string_view name, int64_t layers);

}  // namespace beit
