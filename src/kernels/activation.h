// The activation functions that a model may name (hidden_act).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "src/kernels/execution.h"

namespace beit {

// gelu is the exact one (erf); gelu_new and gelu_pytorch_tanh are the same function up to rounding.
enum class Activation { kGelu, kGeluNew, kGeluPytorchTanh, kQuickGelu, kRelu, kSilu, kTanh, kSigmoid, kLinear };

// Returns the name in the reference, such as "gelu_new"; "silu" for kSilu, which is "swish" too.
std::string_view toString(Activation activation);

// Returns the activation of one of the names in transformers' ACT2FN that are computed here; nothing for another.
std::optional<Activation> activationOf(std::string_view name);

// Returns those names, as "gelu, gelu_new, …".
std::string activationNames();

// Replaces each of `count` values by its activation. `values` must be writable for whole groups of
// four, that is up to FloatBuffer::kSlack past the end. Reference: transformers' ACT2FN.
void applyActivation(const Execution& execution, Activation activation, float* values, int64_t count);

}  // namespace beit
