// Layer normalisation and the residual connections around it, a token a row.
#pragma once

#include <cstdint>
#include <string>

#include "src/base/tensor.h"
#include "src/kernels/execution.h"
#include "src/parameters/parameters.h"

namespace beit {

struct LayerNorm {
  FloatBuffer weight, bias;  // (C)
  int64_t channels = 0;
  float epsilon = 0.0f;

  // Adds "PREFIX.weight" and "PREFIX.bias", (channels) each.
  void declare(ParameterList& parameters, const std::string& prefix, int64_t channels, double epsilon);

  // output[r] = (input[r] - mean) / sqrt(variance + epsilon) * weight + bias for each of `rows` rows
  // of C floats; output may be input. Reference: torch.nn.LayerNorm (biased variance).
  void run(const Execution& execution, int64_t rows, const float* input, float* output) const;

  // states += scale * branch (scale is (C), or null for 1), then output = normalised states: the end
  // of one residual branch and the beginning of the next in one pass over memory.
  void runAfterResidual(const Execution& execution, int64_t rows, float* states, const float* branch, const float* scale,
                        float* output) const;
};

// The same as LayerNorm::run() with these weights and biases, (channels) each, or both null for 1 and 0.
void normalize(const Execution& execution, int64_t rows, int64_t channels, float epsilon, const float* weight, const float* bias,
               const float* input, float* output);

// states += scale * branch for `rows` rows of `channels` floats; scale is (channels), or null for 1.
void addResidual(const Execution& execution, int64_t rows, int64_t channels, float* states, const float* branch, const float* scale);

}  // namespace beit
