// Matrices in double precision, as much of them as a head takes.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace beit {

// Column-major.
struct Matrix {
  size_t rows = 0, columns = 0;
  std::vector<double> values;

  Matrix() = default;
  // Throws std::bad_alloc, also for more numbers than can be counted: with 32 bits these are few.
  Matrix(size_t rows_, size_t columns_, double value = 0.0)
      : rows(rows_), columns(columns_), values(checkedCount(rows_, columns_), value) {}

  double& operator()(size_t i, size_t j) { return values[j * rows + i]; }
  double operator()(size_t i, size_t j) const { return values[j * rows + i]; }
  double* column(size_t j) { return values.data() + j * rows; }
  const double* column(size_t j) const { return values.data() + j * rows; }

 private:
  static size_t checkedCount(size_t rows, size_t columns) {
    if (columns != 0 && rows > std::vector<double>().max_size() / columns) throw std::bad_alloc();
    return rows * columns;
  }
};

Matrix transposed(const Matrix& a);
// a b
Matrix product(const Matrix& a, const Matrix& b);
// a aT
Matrix squareOf(const Matrix& a);
// Returns x of a x = b for a symmetric, positive definite a, which is overwritten.
Matrix solve(Matrix& a, Matrix b);

struct Eigensystem {
  std::vector<double> values;  // in no order
  Matrix vectors;              // a column for each, of length 1
};
// Of a symmetric matrix.
Eigensystem eigensystemOf(const Matrix& a);

}  // namespace beit
