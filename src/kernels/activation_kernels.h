// The loops of activation.h, one for each function; compiled for speed, where its table is compiled for size.
// Each replaces `count` values, which must be writable for whole groups of four.
#pragma once

#include <cstdint>

#include "src/kernels/execution.h"

namespace beit::activations {

void gelu(const Execution& execution, float* values, int64_t count);
void geluNew(const Execution& execution, float* values, int64_t count);
void quickGelu(const Execution& execution, float* values, int64_t count);
void relu(const Execution& execution, float* values, int64_t count);
void silu(const Execution& execution, float* values, int64_t count);
void tanh(const Execution& execution, float* values, int64_t count);
void sigmoid(const Execution& execution, float* values, int64_t count);
void identity(const Execution& execution, float* values, int64_t count);

}  // namespace beit::activations
