// Losses of the heads, in double precision: they are a few numbers an image.
#pragma once

#include <vector>

#include "src/base/tensor.h"
#include "src/beit/config.h"
#include "src/kernels/feature_map.h"
#include "src/model/forward.h"

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

// Returns an error unless the inputs have a mask and a token id (0..vocab_size - 1) for each masked
// patch, in order.
Status checkMaskedLabels(const ForwardInputs& inputs, const BeitConfig& config);

// Returns the mean cross-entropy of logits (B, P, vocab_size) at the masked patches, for labels that
// were checked.
float maskedLoss(const Tensor& logits, const ForwardInputs& inputs, const BeitConfig& config);

// Returns an error unless the labels are ids (B, height, width), each a class or the ignored one.
Status checkSegmentationLabels(const Labels& labels, const BeitConfig& config, int64_t batch);

// Returns the mean cross-entropy of logits (B, L, h, w), resized to the labels' size, over the labels
// that are not ignored, plus auxiliary_loss_weight times that of the auxiliary logits, (h, w, L) an
// image, where there are any. NaN when all labels are ignored, as in the reference. No array of the
// labels' size is made. Errors: kOutOfMemory.
Result<float> segmentationLoss(const Tensor& logits, const std::vector<FeatureMap>& auxiliary_logits, const Labels& labels,
                               const BeitConfig& config);

}  // namespace beit
