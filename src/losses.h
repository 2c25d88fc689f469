// Losses of the heads, in double precision: they are a few numbers an image.
#pragma once

#include "src/config.h"
#include "src/forward.h"
#include "src/tensor.h"

namespace beit {

// Returns the kind of loss that the reference takes: the config's problem_type, else regression for
// one label, single label for integer labels, and multi label for the rest.
ProblemType problemType(const Labels& labels, const BeitConfig& config);

// Returns an error unless the labels fit `batch` images: regression takes values, (B) for one label
// or (B, L); single label takes ids 0..L-1, (B); multi label takes values 0..1, (B, L).
Status checkClassificationLabels(const Labels& labels, const BeitConfig& config, int64_t batch);

// Returns the mean loss of logits (B, L) for labels that were checked. Reference: MSELoss,
// CrossEntropyLoss, BCEWithLogitsLoss.
float classificationLoss(const Tensor& logits, const Labels& labels, const BeitConfig& config);

}  // namespace beit
