#include "src/teaching/matrix.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace beit {

Matrix transposed(const Matrix& a) {
  Matrix out(a.columns, a.rows);
  for (size_t j = 0; j < a.columns; ++j)
    for (size_t i = 0; i < a.rows; ++i) out(j, i) = a(i, j);
  return out;
}

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix out(a.rows, b.columns);
  for (size_t j = 0; j < b.columns; ++j) {
    double* to = out.column(j);
    for (size_t k = 0; k < a.columns; ++k) {
      const double factor = b(k, j);
      const double* from = a.column(k);
      for (size_t i = 0; i < a.rows; ++i) to[i] += factor * from[i];
    }
  }
  return out;
}

Matrix squareOf(const Matrix& a) {
  Matrix out(a.rows, a.rows);
  for (size_t j = 0; j < a.rows; ++j) {
    double* to = out.column(j);
    for (size_t k = 0; k < a.columns; ++k) {
      const double* from = a.column(k);
      const double factor = from[j];
      for (size_t i = j; i < a.rows; ++i) to[i] += factor * from[i];
    }
    for (size_t i = j + 1; i < a.rows; ++i) out(j, i) = to[i];
  }
  return out;
}

// Cholesky's a = L D LT: the columns of L D below the diagonal, D on it.
Matrix solve(Matrix& a, Matrix b) {
  const size_t n = a.rows;
  for (size_t j = 0; j < n; ++j)
    for (size_t k = j + 1; k < n; ++k) {
      const double factor = a(k, j) / a(j, j);
      for (size_t i = k; i < n; ++i) a(i, k) -= factor * a(i, j);
    }
  for (size_t c = 0; c < b.columns; ++c) {
    double* x = b.column(c);
    for (size_t j = 0; j < n; ++j) {
      x[j] /= a(j, j);
      for (size_t i = j + 1; i < n; ++i) x[i] -= a(i, j) * x[j];
    }
    for (size_t j = n; j-- > 0;) {
      double sum = 0.0;
      for (size_t i = j + 1; i < n; ++i) sum += a(i, j) * x[i];
      x[j] -= sum / a(j, j);
    }
  }
  return b;
}

namespace {

// A symmetric matrix as Q T QT, T tridiagonal.
struct Tridiagonal {
  std::vector<double> diagonal, below;  // of T; below[i] stands between i and i + 1
  Matrix vectors;                       // Q
};

// Takes the column below the diagonal to one number, a reflection I - tau v vT at a time.
Tridiagonal tridiagonalOf(Matrix a) {
  const size_t n = a.rows;
  std::vector<double> taus(n), v(n), w(n);
  Tridiagonal made{std::vector<double>(n), std::vector<double>(n), Matrix(n, n)};
  for (size_t k = 0; k + 1 < n; ++k) {
    double* column = a.column(k);
    const size_t first = k + 1;
    double rest = 0.0;
    for (size_t i = first + 1; i < n; ++i) rest += column[i] * column[i];
    const double head = column[first];
    made.below[k] = head;
    if (rest == 0.0) continue;
    const double length = std::sqrt(head * head + rest), reflected = head > 0.0 ? -length : length;
    const double tau = taus[k] = (reflected - head) / reflected;
    made.below[k] = reflected;
    for (size_t i = first + 1; i < n; ++i) column[i] /= head - reflected;
    column[first] = 1.0;  // the column is v from here on
    std::copy(column + first, column + n, v.begin() + static_cast<ptrdiff_t>(first));

    std::fill(w.begin(), w.end(), 0.0);
    for (size_t j = first; j < n; ++j) {
      const double* from = a.column(j);
      const double factor = tau * v[j];
      for (size_t i = first; i < n; ++i) w[i] += factor * from[i];
    }
    double along = 0.0;
    for (size_t i = first; i < n; ++i) along += w[i] * v[i];
    for (size_t i = first; i < n; ++i) w[i] -= 0.5 * tau * along * v[i];
    for (size_t j = first; j < n; ++j) {
      double* to = a.column(j);
      const double vj = v[j], wj = w[j];
      for (size_t i = first; i < n; ++i) to[i] -= v[i] * wj + w[i] * vj;
    }
  }
  for (size_t i = 0; i < n; ++i) {
    made.diagonal[i] = a(i, i);
    made.vectors(i, i) = 1.0;
  }
  for (size_t k = n; k-- > 0;) {
    if (taus[k] == 0.0) continue;
    const double* reflection = a.column(k);
    for (size_t j = k + 1; j < n; ++j) {
      double* to = made.vectors.column(j);
      double along = 0.0;
      for (size_t i = k + 1; i < n; ++i) along += reflection[i] * to[i];
      along *= taus[k];
      for (size_t i = k + 1; i < n; ++i) to[i] -= along * reflection[i];
    }
  }
  return made;
}

// Columns i and i + 1 become c i - s (i + 1) and s i + c (i + 1).
void rotate(Matrix& vectors, size_t i, double c, double s) {
  double *left = vectors.column(i), *right = vectors.column(i + 1);
  for (size_t k = 0; k < vectors.rows; ++k) {
    const double a = left[k], b = right[k];
    left[k] = c * a - s * b;
    right[k] = s * a + c * b;
  }
}

}  // namespace

// Householder's reflections, then the QL algorithm with implicit shifts (Wilkinson and Reinsch, II/3 and II/4).
Eigensystem eigensystemOf(const Matrix& a) {
  const size_t n = a.rows;
  Tridiagonal t = tridiagonalOf(a);
  std::vector<double>&d = t.diagonal, &e = t.below;
  double norm = 0.0;
  for (size_t i = 0; i < n; ++i) norm = std::max(norm, std::abs(d[i]) + std::abs(e[i]));
  const double nothing = std::numeric_limits<double>::epsilon() * norm;
  constexpr int kMostTurns = 60;  // two or three are usual
  for (size_t l = 0; l < n; ++l) {
    for (int turn = 0; turn < kMostTurns; ++turn) {
      size_t m = l;
      while (m + 1 < n && std::abs(e[m]) > nothing) ++m;
      if (m == l) break;
      double g = (d[l + 1] - d[l]) / (2.0 * e[l]);
      g = d[m] - d[l] + e[l] / (g + std::copysign(std::sqrt(g * g + 1.0), g));
      double s = 1.0, c = 1.0, p = 0.0;
      size_t i = m;
      while (i-- > l) {
        const double f = s * e[i], b = c * e[i];
        const double r = std::sqrt(f * f + g * g);
        e[i + 1] = r;
        if (r == 0.0) break;  // it has come apart here
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        const double q = (d[i] - g) * s + 2.0 * c * b;
        p = s * q;
        d[i + 1] = g + p;
        g = c * q - b;
        rotate(t.vectors, i, c, s);
      }
      const bool apart = i + 1 > l;  // left early: i stands at the row where it did
      if (apart) d[i + 1] -= p;
      else {
        d[l] -= p;
        e[l] = g;
      }
      e[m] = 0.0;
    }
  }
  return {std::move(d), std::move(t.vectors)};
}

}  // namespace beit
