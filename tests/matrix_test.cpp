// Matrices in double precision, held against Eigen.
#include "src/teaching/matrix.h"

#include <Eigen/Dense>
#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "tests/support/random.h"

namespace beit {

namespace {

Matrix randomMatrix(size_t rows, size_t columns, uint32_t seed) {
  test::Random random(seed);
  Matrix a(rows, columns);
  for (double& value : a.values) value = random.uniform(-1.0f, 1.0f);
  return a;
}

Eigen::Map<const Eigen::MatrixXd> viewOf(const Matrix& a) {
  return {a.values.data(), static_cast<Eigen::Index>(a.rows), static_cast<Eigen::Index>(a.columns)};
}

Matrix matrixOf(const Eigen::MatrixXd& a) {
  Matrix out(static_cast<size_t>(a.rows()), static_cast<size_t>(a.cols()));
  std::copy_n(a.data(), a.size(), out.values.begin());
  return out;
}

}  // namespace

TEST_CASE("Products and transposes are Eigen's", "[matrix]") {
  const Matrix a = randomMatrix(7, 5, 1), b = randomMatrix(5, 3, 2);
  CHECK((viewOf(product(a, b)) - viewOf(a) * viewOf(b)).cwiseAbs().maxCoeff() <= 1e-14);
  CHECK(viewOf(transposed(a)) == viewOf(a).transpose());
}

TEST_CASE("Equations are solved", "[matrix]") {
  for (const size_t n : {1, 2, 5, 40}) {
    const Matrix factor = randomMatrix(n, n, 3), right = randomMatrix(n, 3, 4);
    const Eigen::MatrixXd a = viewOf(factor) * viewOf(factor).transpose() +
                              0.1 * Eigen::MatrixXd::Identity(static_cast<Eigen::Index>(n), static_cast<Eigen::Index>(n));
    Matrix overwritten = matrixOf(a);
    const Matrix solution = solve(overwritten, right);
    CHECK((a * viewOf(solution) - viewOf(right)).cwiseAbs().maxCoeff() <= 1e-11);
  }
}

TEST_CASE("Eigenvalues and vectors are those of any symmetric matrix", "[matrix]") {
  const auto check = [](const Eigen::MatrixXd& a) {
    CAPTURE(a.rows());
    const Eigensystem system = eigensystemOf(matrixOf(a));
    const auto vectors = viewOf(system.vectors);
    const Eigen::Map<const Eigen::VectorXd> values(system.values.data(), a.rows());
    const double size = std::max(1.0, a.norm());
    CHECK((a * vectors - vectors * values.asDiagonal()).cwiseAbs().maxCoeff() <= 1e-13 * size);
    CHECK((vectors.transpose() * vectors - Eigen::MatrixXd::Identity(a.rows(), a.rows())).cwiseAbs().maxCoeff() <= 1e-13);
    std::vector<double> rising = system.values;
    std::sort(rising.begin(), rising.end());
    const Eigen::VectorXd want = Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(a).eigenvalues();
    for (Eigen::Index i = 0; i < a.rows(); ++i) CHECK(std::abs(rising[static_cast<size_t>(i)] - want[i]) <= 1e-13 * size);
  };
  for (const size_t n : {1, 2, 3, 4, 17, 90}) {
    const Matrix random = randomMatrix(n, n, static_cast<uint32_t>(n));
    check(viewOf(random) + viewOf(random).transpose());
    check(viewOf(random) * viewOf(random).transpose() * 1e8);
    check(Eigen::MatrixXd::Zero(static_cast<Eigen::Index>(n), static_cast<Eigen::Index>(n)));
  }
  // Of low rank, as few features give it; diagonal; one value only.
  const Matrix tall = randomMatrix(60, 4, 9);
  check(viewOf(tall) * viewOf(tall).transpose());
  check(Eigen::VectorXd::LinSpaced(12, -3.0, 3.0).asDiagonal());
  check(Eigen::MatrixXd::Identity(9, 9));
  check(Eigen::MatrixXd::Constant(30, 30, 2.0));
}

}  // namespace beit
