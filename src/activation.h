// The activation functions that a BEiT config may name (hidden_act).
#pragma once

#include <cstdint>

#include "src/config.h"
#include "src/thread_pool.h"

namespace beit {

// Replaces each of `count` values by its activation. `values` must be writable for whole groups of
// four, that is up to FloatBuffer::kSlack past the end. Reference: transformers' ACT2FN.
void applyActivation(const ThreadPool& pool, Activation activation, float* values, int64_t count);

}  // namespace beit
