// BEiT in double precision, written for clearness from the reference's definitions, with nothing of
// the library's own arithmetic: what the fast code is held against.
#pragma once

#include <span>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "src/beit/config.h"
#include "src/kernels/grid_resize.h"
#include "src/model/forward.h"
#include "tests/support/random_model.h"

namespace beit::test {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Vector = Eigen::RowVectorXd;

// Returns the values as (rows, their number / rows).
Matrix toMatrix(std::span<const float> values, int64_t rows);
Vector toVector(std::span<const float> values);

// Returns the largest |got - want| over the largest of 1 and |want|; infinity where a value is no
// number or the sizes differ.
double relativeDifference(std::span<const float> got, const Matrix& want);

// Returns what `activation` makes of x.
double activate(Activation activation, double x);

// Each row of x less its mean, over its standard deviation, times weight plus bias.
Matrix layerNorm(const Matrix& x, const Vector& weight, const Vector& bias, double epsilon);

// x W^T + b, with the parameters PREFIX.weight and, if it is there, PREFIX.bias.
Matrix linear(const Matrix& x, const Weights& weights, const std::string& prefix);

// Returns the (from.height * from.width, channels) grid at another size.
Matrix resize(const Matrix& grid, Size from, Size to, Interpolation mode);

// Returns relative_position_index, (T, T), as the reference builds it for a window.
Eigen::MatrixXi relativePositionIndex(Size window);

// Returns the bias (T, T) of each head for `window`, from a table (distances, heads) for `trained`.
std::vector<Matrix> relativePositionBias(const Matrix& table, Size trained, Size window);

struct AttentionResult {
  Matrix output;                      // (T, C)
  std::vector<Matrix> probabilities;  // of each head, (T, T)
};

// The attention of one sequence; `bias` is empty or has one (T, T) a head.
AttentionResult attention(const Matrix& x, const Weights& weights, const std::string& prefix, int64_t heads,
                          const std::vector<Matrix>& bias);

// The embeddings (T, C) of image `index` of the batch.
Matrix embed(const BeitConfig& config, const Weights& weights, const ForwardInputs& inputs, int64_t index);

// What BeitModel puts out for one image.
struct Answer {
  Matrix last_hidden_state;                     // (T, C)
  Matrix pooler_output;                         // (1, C)
  std::vector<Matrix> hidden_states;            // layers + 1 of (T, C)
  std::vector<std::vector<Matrix>> attentions;  // layers of heads of (T, T)
};
Answer forward(const BeitConfig& config, const Weights& weights, const ForwardInputs& inputs, int64_t index);

}  // namespace beit::test
