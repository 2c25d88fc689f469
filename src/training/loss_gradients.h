// Losses with the gradients of their logits, in double precision. Reference: CrossEntropyLoss, BCEWithLogitsLoss, MSELoss.
#pragma once

#include "src/base/tensor.h"
#include "src/beit/config.h"
#include "src/kernels/execution.h"
#include "src/model/forward.h"

namespace beit {

// As checkClassificationLabels(), but for the problem of a single label floats (B, L) are taken, too: each class's share.
Status checkClassificationTargets(const Labels& labels, const BeitConfig& config, int64_t batch);

// Returns the mean loss of logits (rows, classes) for labels that were checked. `gradients` is null or becomes `weight` times its
// gradient, (rows, classes).
float classificationLoss(const Execution& execution, const Tensor& logits, const Labels& labels, const BeitConfig& config, float weight,
                         float* gradients);

// The same for ids (rows): cross-entropy.
float crossEntropyLoss(const Execution& execution, const Tensor& logits, std::span<const int32_t> ids, float weight, float* gradients);

}  // namespace beit
