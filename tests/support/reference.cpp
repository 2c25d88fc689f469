#include "tests/support/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace beit::test {

Matrix toMatrix(std::span<const float> values, int64_t rows) {
  using Floats = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  return Eigen::Map<const Floats>(values.data(), rows, static_cast<int64_t>(values.size()) / rows).cast<double>();
}

Vector toVector(std::span<const float> values) { return toMatrix(values, 1); }

double relativeDifference(std::span<const float> got, const Matrix& want) {
  double largest = got.size() == static_cast<size_t>(want.size()) ? 0.0 : std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < std::min(got.size(), static_cast<size_t>(want.size())); ++i) {
    const double expected = want.data()[i], difference = std::abs(static_cast<double>(got[i]) - expected);
    if (!std::isfinite(difference)) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, difference / std::max(1.0, std::abs(expected)));
  }
  return largest;
}

double activate(Activation activation, double x) {
  const auto sigmoid = [](double v) { return 1.0 / (1.0 + std::exp(-v)); };
  switch (activation) {
    case Activation::kGelu: return x * 0.5 * std::erfc(-x / std::numbers::sqrt2);
    case Activation::kGeluNew:
    case Activation::kGeluPytorchTanh: return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
    case Activation::kQuickGelu: return x * sigmoid(1.702 * x);
    case Activation::kRelu: return std::max(x, 0.0);
    case Activation::kSilu: return x * sigmoid(x);
    case Activation::kTanh: return std::tanh(x);
    case Activation::kSigmoid: return sigmoid(x);
    case Activation::kLinear: return x;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

Matrix layerNorm(const Matrix& x, const Vector& weight, const Vector& bias, double epsilon) {
  Matrix y(x.rows(), x.cols());
  for (Eigen::Index r = 0; r < x.rows(); ++r) {
    const Vector centred = x.row(r).array() - x.row(r).mean();
    const double variance = centred.squaredNorm() / static_cast<double>(x.cols());
    y.row(r) = (centred / std::sqrt(variance + epsilon)).cwiseProduct(weight) + bias;
  }
  return y;
}

Matrix linear(const Matrix& x, const Weights& weights, const std::string& prefix) {
  const auto& weight = weights.at(prefix + ".weight");
  Matrix y = x * toMatrix(weight, static_cast<int64_t>(weight.size()) / x.cols()).transpose();
  if (const auto bias = weights.find(prefix + ".bias"); bias != weights.end()) y.rowwise() += toVector(bias->second);
  return y;
}

namespace {

double kernel(Interpolation mode, double distance) {
  const double x = std::abs(distance);
  if (mode == Interpolation::kBilinear) return std::max(0.0, 1.0 - x);
  constexpr double a = -0.75;
  if (x < 1.0) return (a + 2.0) * x * x * x - (a + 3.0) * x * x + 1.0;
  return x < 2.0 ? a * x * x * x - 5.0 * a * x * x + 8.0 * a * x - 4.0 * a : 0.0;
}

// (to, from): each output as a mixture of inputs; samples beyond an end are the end's.
Matrix resizing(int64_t from, int64_t to, Interpolation mode) {
  Matrix m = Matrix::Zero(to, from);
  for (int64_t o = 0; o < to; ++o) {
    const double centre = (static_cast<double>(o) + 0.5) * static_cast<double>(from) / static_cast<double>(to) - 0.5;
    for (int64_t i = -4; i < from + 4; ++i) m(o, std::clamp<int64_t>(i, 0, from - 1)) += kernel(mode, static_cast<double>(i) - centre);
  }
  return m;
}

Vector parameter(const Weights& weights, const std::string& name) { return toVector(weights.at(name)); }

Matrix layerNormOf(const Matrix& x, const Weights& weights, const std::string& prefix, double epsilon) {
  return layerNorm(x, parameter(weights, prefix + ".weight"), parameter(weights, prefix + ".bias"), epsilon);
}

// The sum of the shared bias and the layer's own, each where the config has it.
std::vector<Matrix> biasOf(const BeitConfig& config, const Weights& weights, const std::string& layer, Size window) {
  std::vector<Matrix> sum;
  const auto add = [&](const std::string& prefix) {
    const auto& table = weights.at(prefix + ".relative_position_bias.relative_position_bias_table");
    const int64_t rows = static_cast<int64_t>(table.size()) / config.num_attention_heads;
    const auto bias = relativePositionBias(toMatrix(table, rows), config.patchGrid(), window);
    if (sum.empty()) sum.assign(bias.size(), Matrix::Zero(bias[0].rows(), bias[0].cols()));
    for (size_t head = 0; head < bias.size(); ++head) sum[head] += bias[head];
  };
  if (config.use_shared_relative_position_bias) add("beit.encoder");
  if (config.use_relative_position_bias) add(layer + ".attention.attention");
  return sum;
}

}  // namespace

Matrix resize(const Matrix& grid, Size from, Size to, Interpolation mode) {
  const Matrix rows = resizing(from.height, to.height, mode), columns = resizing(from.width, to.width, mode);
  Matrix out = Matrix::Zero(to.area(), grid.cols());
  for (int64_t y = 0; y < to.height; ++y)
    for (int64_t x = 0; x < to.width; ++x)
      for (int64_t i = 0; i < from.height; ++i)
        for (int64_t j = 0; j < from.width; ++j) out.row(y * to.width + x) += rows(y, i) * columns(x, j) * grid.row(i * from.width + j);
  return out;
}

Eigen::MatrixXi relativePositionIndex(Size window) {
  const auto height = static_cast<int>(window.height), width = static_cast<int>(window.width);
  const int area = height * width, distances = (2 * height - 1) * (2 * width - 1) + 3;
  Eigen::MatrixXi index(area + 1, area + 1);
  for (int i = 0; i < area; ++i)
    for (int j = 0; j < area; ++j)
      index(1 + i, 1 + j) = (i / width - j / width + height - 1) * (2 * width - 1) + (i % width - j % width + width - 1);
  index.row(0).setConstant(distances - 3);
  index.col(0).setConstant(distances - 2);
  index(0, 0) = distances - 1;
  return index;
}

std::vector<Matrix> relativePositionBias(const Matrix& table, Size trained, Size window) {
  // old_sub_table.reshape(1, old_width, old_height, -1), interpolated to (new_height, new_width): the
  // reference swaps the axes of the trained window.
  const Size old{2 * trained.width - 1, 2 * trained.height - 1}, now{2 * window.height - 1, 2 * window.width - 1};
  Matrix resized(now.area() + 3, table.cols());
  resized << resize(table.topRows(old.area()), old, now, Interpolation::kBilinear), table.bottomRows(3);
  const Eigen::MatrixXi index = relativePositionIndex(window);
  std::vector<Matrix> bias;
  for (Eigen::Index head = 0; head < table.cols(); ++head) bias.emplace_back(index.unaryExpr([&](int row) { return resized(row, head); }));
  return bias;
}

AttentionResult attention(const Matrix& x, const Weights& weights, const std::string& prefix, int64_t heads,
                          const std::vector<Matrix>& bias) {
  const Matrix query = linear(x, weights, prefix + ".attention.query");
  const Matrix key = linear(x, weights, prefix + ".attention.key");
  const Matrix value = linear(x, weights, prefix + ".attention.value");
  const int64_t size = x.cols() / heads;
  AttentionResult result;
  Matrix context(x.rows(), x.cols());
  for (int64_t head = 0; head < heads; ++head) {
    const auto part = [&](const Matrix& m) { return m.middleCols(head * size, size); };
    Matrix scores = part(query) * part(key).transpose() / std::sqrt(static_cast<double>(size));
    if (!bias.empty()) scores += bias[static_cast<size_t>(head)];
    for (Eigen::Index r = 0; r < scores.rows(); ++r) {
      scores.row(r) = (scores.row(r).array() - scores.row(r).maxCoeff()).exp().matrix().eval();
      scores.row(r) /= scores.row(r).sum();
    }
    context.middleCols(head * size, size) = scores * part(value);
    result.probabilities.push_back(std::move(scores));
  }
  result.output = linear(context, weights, prefix + ".output.dense");
  return result;
}

Matrix embed(const BeitConfig& config, const Weights& weights, const ForwardInputs& inputs, int64_t index) {
  const Shape& shape = inputs.pixel_values.shape;
  const Size patch = config.patch_size, window = config.patchGrid({shape[2], shape[3]});
  Matrix patches(window.area(), config.num_channels * patch.area());
  const auto pixel = [&](int64_t plane, int64_t y, int64_t x) {
    return inputs.pixel_values.values.data()[((index * shape[1] + plane) * shape[2] + y) * shape[3] + x];
  };
  for (int64_t p = 0; p < window.area(); ++p)
    for (int64_t v = 0; v < patches.cols(); ++v) {
      const int64_t plane = v / patch.area(), y = v % patch.area() / patch.width, x = v % patch.width;
      patches(p, v) = pixel(plane, p / window.width * patch.height + y, p % window.width * patch.width + x);
    }
  const std::string prefix = "beit.embeddings.";
  Matrix tokens(1 + window.area(), config.hidden_size);
  tokens << parameter(weights, prefix + "cls_token"), linear(patches, weights, prefix + "patch_embeddings.projection");
  if (inputs.mask_shape)
    for (int64_t p = 0; p < window.area(); ++p)
      if (inputs.bool_masked_pos[static_cast<size_t>(index * window.area() + p)])
        tokens.row(1 + p) = parameter(weights, prefix + "mask_token");
  if (config.use_absolute_position_embeddings) {
    const Matrix positions = toMatrix(weights.at(prefix + "position_embeddings"), 1 + config.patchGrid().area());
    tokens.row(0) += positions.row(0);
    tokens.bottomRows(window.area()) +=
        resize(positions.bottomRows(config.patchGrid().area()), config.patchGrid(), window, Interpolation::kBicubic);
  }
  return tokens;
}

Answer forward(const BeitConfig& config, const Weights& weights, const ForwardInputs& inputs, int64_t index) {
  const Shape& shape = inputs.pixel_values.shape;
  const Size window = config.patchGrid({shape[2], shape[3]});
  Answer answer;
  Matrix x = embed(config, weights, inputs, index);
  answer.hidden_states.push_back(x);
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
    const std::string layer = "beit.encoder.layer." + std::to_string(i);
    const auto scaled = [&](const Matrix& branch, const char* lambda) -> Matrix {
      if (!(config.layer_scale_init_value > 0)) return branch;
      return branch * parameter(weights, layer + lambda).asDiagonal();
    };
    auto attended = attention(layerNormOf(x, weights, layer + ".layernorm_before", config.layer_norm_eps), weights, layer + ".attention",
                              config.num_attention_heads, biasOf(config, weights, layer, window));
    x += scaled(attended.output, ".lambda_1");
    Matrix inner =
        linear(layerNormOf(x, weights, layer + ".layernorm_after", config.layer_norm_eps), weights, layer + ".intermediate.dense");
    inner = inner.unaryExpr([&](double v) { return activate(config.hidden_act, v); }).eval();
    x += scaled(linear(inner, weights, layer + ".output.dense"), ".lambda_2");
    answer.hidden_states.push_back(x);
    answer.attentions.push_back(std::move(attended.probabilities));
  }
  if (config.use_mean_pooling) {
    answer.last_hidden_state = x;
    if (weights.contains("beit.pooler.layernorm.weight"))
      answer.pooler_output =
          layerNormOf(Matrix(x.bottomRows(x.rows() - 1).colwise().mean()), weights, "beit.pooler.layernorm", config.layer_norm_eps);
  } else {
    answer.last_hidden_state = layerNormOf(x, weights, "beit.layernorm", config.layer_norm_eps);
    answer.pooler_output = answer.last_hidden_state.row(0);
  }
  return answer;
}

}  // namespace beit::test
