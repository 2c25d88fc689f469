#include "src/layers/transformer/bias_table_resize.h"

#include <algorithm>

#include "src/base/vector_size.h"
#include "src/kernels/grid_resize.h"

namespace beit {

namespace {

// Row-major, (rows, columns).
struct Matrix {
  int64_t rows = 0, columns = 0;
  std::vector<double> values;

  Matrix(int64_t r, int64_t c) : rows(r), columns(c), values(vectorSize(r * c)) {}
  double* row(int64_t r) { return values.data() + r * columns; }
  const double* row(int64_t r) const { return values.data() + r * columns; }
};

// Returns where the `from` distances of a trained axis lie on an axis of `to` distances: both odd, 0 in
// the middle, steps that grow by a constant factor.
std::vector<double> geometricPositions(int64_t from, int64_t to) {
  const int64_t half = from / 2;
  double left = 1.01, right = 1.5, q = left;
  while (right - left > 1e-6) {
    q = (left + right) / 2.0;
    double power = 1.0;
    for (int64_t i = 0; i < half; ++i) power *= q;
    const double reach = (1.0 - power) / (1.0 - q);
    (reach > static_cast<double>(to / 2) ? right : left) = q;
  }
  std::vector<double> positions(static_cast<size_t>(from), 0.0);
  double distance = 1.0, step = 1.0;
  for (int64_t i = 0; i < half; ++i) {
    positions[static_cast<size_t>(half + 1 + i)] = distance;
    positions[static_cast<size_t>(half - 1 - i)] = -distance;
    distance += step *= q;
  }
  return positions;
}

// The new distances, -n to n, none beyond the ends of `positions`.
double targetOf(int64_t index, int64_t to, const std::vector<double>& positions) {
  return std::clamp(static_cast<double>(index - to / 2), positions.front(), positions.back());
}

// (to, from): each new distance as a mixture of its two neighbours.
Matrix linearWeights(const std::vector<double>& positions, int64_t to) {
  const auto from = static_cast<int64_t>(positions.size());
  Matrix weights(to, from);
  for (int64_t t = 0; t < to; ++t) {
    const double x = targetOf(t, to, positions);
    const int64_t right = std::lower_bound(positions.begin(), positions.end(), x) - positions.begin();
    if (right == 0 || positions[static_cast<size_t>(right)] == x) {
      weights.row(t)[right] = 1.0;
      continue;
    }
    const double begin = positions[static_cast<size_t>(right - 1)], end = positions[static_cast<size_t>(right)];
    weights.row(t)[right] = (x - begin) / (end - begin);
    weights.row(t)[right - 1] = (end - x) / (end - begin);
  }
  return weights;
}

// basis (count) = the B-splines of `degree` over `knots` at x, by the recursion of Cox and de Boor.
void evaluateBasis(const std::vector<double>& knots, int64_t degree, double x, double* basis) {
  const int64_t count = static_cast<int64_t>(knots.size()) - degree - 1;
  const auto knot = [&](int64_t i) { return knots[static_cast<size_t>(i)]; };
  int64_t span = degree;  // knot(span) <= x < knot(span + 1), the last one closed
  while (span + 1 < count && x >= knot(span + 1)) ++span;
  std::fill_n(basis, count, 0.0);
  basis[span] = 1.0;
  for (int64_t d = 1; d <= degree; ++d)
    for (int64_t i = std::max<int64_t>(span - d, 0); i <= span; ++i) {
      const double width = knot(i + d) - knot(i), next_width = knot(i + d + 1) - knot(i + 1);
      double value = width > 0.0 ? (x - knot(i)) / width * basis[i] : 0.0;
      if (i < span && next_width > 0.0) value += (knot(i + d + 1) - x) / next_width * basis[i + 1];
      basis[i] = value;
    }
}

// (to, from): the weights of the spline through all values. FITPACK's interpolating spline has its
// inner knots at the values but for the two next to each end.
Matrix splineWeights(const std::vector<double>& positions, int64_t to) {
  const auto from = static_cast<int64_t>(positions.size());
  if (from == 1) return linearWeights(positions, to);
  const int64_t degree = std::min<int64_t>(3, from - 1);
  std::vector<double> knots(static_cast<size_t>(degree + 1), positions.front());
  for (int64_t i = 2; i + 2 < from && degree == 3; ++i) knots.push_back(positions[static_cast<size_t>(i)]);
  knots.insert(knots.end(), static_cast<size_t>(degree + 1), positions.back());

  // Coefficients are inverse(collocation) times values. A collocation matrix of B-splines is totally
  // positive, so that elimination needs no pivots.
  Matrix collocation(from, from), inverse(from, from);
  for (int64_t i = 0; i < from; ++i) {
    evaluateBasis(knots, degree, positions[static_cast<size_t>(i)], collocation.row(i));
    inverse.row(i)[i] = 1.0;
  }
  for (int64_t pivot = 0; pivot < from; ++pivot) {
    const double scale = 1.0 / collocation.row(pivot)[pivot];
    for (int64_t c = 0; c < from; ++c) {
      collocation.row(pivot)[c] *= scale;
      inverse.row(pivot)[c] *= scale;
    }
    for (int64_t r = 0; r < from; ++r) {
      const double factor = collocation.row(r)[pivot];
      if (r == pivot || factor == 0.0) continue;
      for (int64_t c = 0; c < from; ++c) {
        collocation.row(r)[c] -= factor * collocation.row(pivot)[c];
        inverse.row(r)[c] -= factor * inverse.row(pivot)[c];
      }
    }
  }
  Matrix weights(to, from);
  std::vector<double> basis(static_cast<size_t>(from));
  for (int64_t t = 0; t < to; ++t) {
    evaluateBasis(knots, degree, targetOf(t, to, positions), basis.data());
    for (int64_t i = 0; i < from; ++i)
      for (int64_t c = 0; c < from; ++c) weights.row(t)[c] += basis[static_cast<size_t>(i)] * inverse.row(i)[c];
  }
  return weights;
}

Matrix axisWeights(int64_t from, int64_t to, RelativePositionBiasResize mode) {
  const std::vector<double> positions = geometricPositions(from, to);
  return mode == RelativePositionBiasResize::kTimm ? linearWeights(positions, to) : splineWeights(positions, to);
}

// Returns (new rows, new columns, heads) of `table`, (rows, columns, heads).
std::vector<float> resizeGeometric(const float* table, Size from, Size to, int64_t heads, RelativePositionBiasResize mode) {
  const Matrix rows = axisWeights(from.height, to.height, mode), columns = axisWeights(from.width, to.width, mode);
  Matrix partial(to.height, from.width * heads);
  for (int64_t y = 0; y < to.height; ++y)
    for (int64_t i = 0; i < from.height; ++i) {
      const double weight = rows.row(y)[i];
      if (weight == 0.0) continue;
      const float* values = table + i * from.width * heads;
      for (int64_t c = 0; c < partial.columns; ++c) partial.row(y)[c] += weight * static_cast<double>(values[c]);
    }
  std::vector<float> out;
  out.reserve(vectorSize(to.area() * heads));
  for (int64_t y = 0; y < to.height; ++y)
    for (int64_t x = 0; x < to.width; ++x)
      for (int64_t head = 0; head < heads; ++head) {
        double value = 0.0;
        for (int64_t j = 0; j < from.width; ++j) value += columns.row(x)[j] * partial.row(y)[j * heads + head];
        out.push_back(static_cast<float>(value));
      }
  return out;
}

// The transpose of resizeGeometric().
std::vector<double> resizeGeometricBackward(const double* gradient, Size from, Size to, int64_t heads, RelativePositionBiasResize mode) {
  const Matrix rows = axisWeights(from.height, to.height, mode), columns = axisWeights(from.width, to.width, mode);
  std::vector<double> table(vectorSize(from.area() * heads));
  std::vector<double> partial(vectorSize(from.width * heads));
  for (int64_t y = 0; y < to.height; ++y) {
    std::fill(partial.begin(), partial.end(), 0.0);
    for (int64_t x = 0; x < to.width; ++x, gradient += heads)
      for (int64_t j = 0; j < from.width; ++j)
        for (int64_t head = 0; head < heads; ++head) partial[static_cast<size_t>(j * heads + head)] += columns.row(x)[j] * gradient[head];
    for (int64_t i = 0; i < from.height; ++i)
      for (size_t c = 0; c < partial.size(); ++c) table[static_cast<size_t>(i) * partial.size() + c] += rows.row(y)[i] * partial[c];
  }
  return table;
}

}  // namespace

std::vector<float> resizeBiasTable(const float* table, Size trained, Size grid, int64_t heads, RelativePositionBiasResize mode) {
  const Size from{2 * trained.height - 1, 2 * trained.width - 1}, to{2 * grid.height - 1, 2 * grid.width - 1};
  const bool reference = mode == RelativePositionBiasResize::kTransformers;
  const Size taken = reference ? Size{from.width, from.height} : from;
  std::vector<float> resized;
  if (taken == to) resized.assign(table, table + to.area() * heads);
  else if (reference) resized = interpolateGrid(table, taken.height, taken.width, heads, to.height, to.width, Interpolation::kBilinear);
  else resized = resizeGeometric(table, from, to, heads, mode);
  const float* cls = table + from.area() * heads;
  resized.insert(resized.end(), cls, cls + kClsRows * heads);
  return resized;
}

std::vector<double> resizeBiasTableBackward(const double* gradient, Size trained, Size grid, int64_t heads,
                                            RelativePositionBiasResize mode) {
  const Size from{2 * trained.height - 1, 2 * trained.width - 1}, to{2 * grid.height - 1, 2 * grid.width - 1};
  const bool reference = mode == RelativePositionBiasResize::kTransformers;
  const Size taken = reference ? Size{from.width, from.height} : from;
  if (taken == to) return {gradient, gradient + (to.area() + kClsRows) * heads};
  std::vector<double> table;
  if (reference) table = interpolateGridBackward(gradient, taken.height, taken.width, heads, to.height, to.width, Interpolation::kBilinear);
  else table = resizeGeometricBackward(gradient, from, to, heads, mode);
  const double* cls = gradient + to.area() * heads;
  table.insert(table.end(), cls, cls + kClsRows * heads);
  return table;
}

}  // namespace beit
