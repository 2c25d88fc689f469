// What of a config each layer is told: layers know nothing of BeitConfig, so that another family needs only its own.
#pragma once

#include "src/beit/config.h"
#include "src/layers/transformer/encoder.h"

namespace beit {

EncoderSpec encoderSpec(const BeitConfig& config);

}  // namespace beit
