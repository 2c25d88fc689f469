// A linear head on features in closed form: ridge regression in double precision, with a target of 1 for an example's own class and
// -1 for every other. Strength, temperature and the judgement of a fit come from scores of examples that were left out, exactly,
// without a second fit.
//
// Letters: N examples, C channels of a feature, K classes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/base/result.h"

namespace beit {

// What a head is fitted to. Views of the caller's memory.
struct RidgeExamples {
  std::span<const float> features;  // (N, C)
  std::span<const int32_t> labels;  // (N), from 0 to K - 1
  std::span<const int32_t> bursts;  // (N): examples of one number are left out together. Near-duplicates, such as a camera's
  int64_t channels = 0, classes = 0;
  std::span<const float> weights = {};  // (N): how much each counts, above 0; empty: all alike
};

// Returns an error for examples that cannot be fitted: sizes that do not agree, fewer than two classes or examples, a label that is
// none, a burst that has all examples, a feature that is not finite, a weight that is not above 0. Error: kInvalidArgument.
Status checkExamples(const RidgeExamples& examples);

// score[k] = weight[k] . feature + bias[k]
struct RidgeHead {
  std::vector<double> weight;  // (K, C)
  std::vector<double> bias;    // (K)
};

// All that a fit of given strength depends on. What two people have of their own examples adds up to what both have together.
class RidgeStatistics {
 public:
  RidgeStatistics(int64_t channels, int64_t classes);

  // Counts examples in; they have been checked, and are of the same channels and classes.
  void add(const RidgeExamples& examples);
  void add(const RidgeStatistics& other);

  int64_t channels() const { return channels_; }
  int64_t classes() const { return classes_; }
  double count() const;                                           // n, or the sum of the weights
  std::span<const double> counts() const { return counts_; }      // (K): the examples of each class, or their weights
  std::span<const double> sums() const { return sums_; }          // (K, C): of each class's features
  std::span<const double> products() const { return products_; }  // (C, C): the sum of x xT

 private:
  int64_t channels_, classes_;
  std::vector<double> counts_, sums_, products_;
};

// Returns the head that minimises the squared error plus `penalty` times the squares of its weights; biases are free of it.
RidgeHead fitRidge(const RidgeStatistics& statistics, double penalty);

struct RidgeFit {
  RidgeHead head;
  double lambda = 0.0;         // the strength, as a share of the features' variance
  double penalty = 0.0;        // the strength itself
  double temperature = 1.0;    // probabilities are softmax(score / temperature)
  double loss = 0.0;           // the mean negative log-likelihood of the labels by `left_out`
  std::vector<double> scores;  // (N, K): each example's by a head that was fitted without its burst
};

// Fits with the strength and the temperature, of fixed lists, whose scores of left-out examples have the least negative log-likelihood.
// One eigendecomposition, of N x N or C x C numbers, whichever is smaller, serves all strengths. Errors: those of checkExamples().
// Throws std::bad_alloc where there is no memory for the matrices.
Result<RidgeFit> fitRidge(const RidgeExamples& examples);

}  // namespace beit
