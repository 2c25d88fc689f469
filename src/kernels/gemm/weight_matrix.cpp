#include "src/kernels/gemm/weight_matrix.h"

#include <utility>

#include "src/kernels/gemm/f32.h"
#include "src/kernels/gemm/quantized_strassen.h"
#include "src/kernels/gemm/strassen.h"
#include "src/kernels/gemm/w8a16.h"
#include "src/kernels/gemm/w8a8.h"

namespace beit {

namespace {

class F32Rows final : public PreparedRows {
 public:
  F32Rows(int64_t rows, const float* values, StrassenRows strassen) : PreparedRows(rows), values_(values), strassen_(std::move(strassen)) {}

  const float* values() const { return values_; }
  const StrassenRows& strassen() const { return strassen_; }

 private:
  const float* values_;
  StrassenRows strassen_;  // where it suits the largest of the matrices
};

class F32Matrix final : public WeightMatrix {
 public:
  explicit F32Matrix(PackedMatrix matrix) : matrix_(std::move(matrix)) {}

  void multiply(const Execution& execution, const PreparedRows& rows, float* output) const override {
    const auto& input = static_cast<const F32Rows&>(rows);
    if (!input.strassen().empty() && StrassenRows::suits(rows.rows(), matrix_.inputs(), matrix_.outputs()))
      input.strassen().multiply(execution, matrix_, output);
    else matrix_.multiply(execution, rows.rows(), input.values(), matrix_.inputs(), output, matrix_.outputs());
  }

 private:
  PackedMatrix matrix_;
};

class F32Format final : public MatrixFormat {
 public:
  Result<std::unique_ptr<WeightMatrix>> pack(const Execution& execution, int64_t inputs, int64_t outputs, const float* weight,
                                             const float* bias, float scale) const override {
    BEIT_ASSIGN(PackedMatrix matrix, PackedMatrix::pack(execution, inputs, outputs, weight, /*weight_stride=*/inputs, bias));
    if (scale != 1.0f) matrix.scale(scale);
    return std::unique_ptr<WeightMatrix>(std::make_unique<F32Matrix>(std::move(matrix)));
  }

  Result<std::unique_ptr<PreparedRows>> prepare(const Execution& execution, int64_t rows, int64_t inputs, int64_t outputs,
                                                const float* values) const override {
    StrassenRows strassen;
    if (StrassenRows::suits(rows, inputs, outputs)) {
      BEIT_ASSIGN(strassen, StrassenRows::make(execution, rows, inputs, values));
    }
    return std::unique_ptr<PreparedRows>(std::make_unique<F32Rows>(rows, values, std::move(strassen)));
  }

  int64_t weightBytes(int64_t inputs, int64_t outputs) const override {
    return static_cast<int64_t>(sizeof(float)) * packedFloats(inputs, outputs);
  }
};

class W8A16Input final : public PreparedRows {
 public:
  static Result<std::unique_ptr<PreparedRows>> prepare(const Execution& execution, int64_t rows, int64_t inputs, int64_t outputs,
                                                       const float* values) {
    const bool suits = QuantizedStrassenRows::suits(rows, inputs, outputs);
    BEIT_ASSIGN(W8A16Rows quantized, W8A16Rows::quantize(execution, rows, inputs, values,
                                                         suits ? QuantizedStrassenRows::activationLimit(inputs) : activationLimit(inputs)));
    QuantizedStrassenRows strassen;
    if (suits) {
      BEIT_ASSIGN(strassen, QuantizedStrassenRows::make(execution, quantized));
    }
    return std::unique_ptr<PreparedRows>(new W8A16Input(std::move(quantized), std::move(strassen)));
  }

  void multiply(const Execution& execution, const W8A16Matrix& matrix, float* output) const {
    if (!strassen_.empty() && QuantizedStrassenRows::suits(rows(), matrix.inputs(), matrix.outputs()))
      strassen_.multiply(execution, values_, matrix, output);
    else matrix.multiply(execution, values_, output, matrix.outputs());
  }

 private:
  W8A16Input(W8A16Rows values, QuantizedStrassenRows strassen)
      : PreparedRows(values.rows()), values_(std::move(values)), strassen_(std::move(strassen)) {}

  W8A16Rows values_;
  QuantizedStrassenRows strassen_;  // where it suits the largest of the matrices
};

class W8A8Input final : public PreparedRows {
 public:
  static Result<std::unique_ptr<PreparedRows>> prepare(const Execution& execution, int64_t rows, int64_t inputs, int64_t,
                                                       const float* values) {
    BEIT_ASSIGN(W8A8Rows quantized, W8A8Rows::quantize(execution, rows, inputs, values));
    return std::unique_ptr<PreparedRows>(new W8A8Input(std::move(quantized)));
  }

  void multiply(const Execution& execution, const W8A8Matrix& matrix, float* output) const {
    matrix.multiply(execution, values_, output, matrix.outputs());
  }

 private:
  explicit W8A8Input(W8A8Rows values) : PreparedRows(values.rows()), values_(std::move(values)) {}

  W8A8Rows values_;
};

// W8A16 and W8A8: matrices and inputs of the same functions.
template <typename Matrix, typename Input>
class QuantizedMatrix final : public WeightMatrix {
 public:
  explicit QuantizedMatrix(Matrix matrix) : matrix_(std::move(matrix)) {}

  void multiply(const Execution& execution, const PreparedRows& rows, float* output) const override {
    static_cast<const Input&>(rows).multiply(execution, matrix_, output);
  }

 private:
  Matrix matrix_;
};

template <typename Matrix, typename Input>
class QuantizedFormat final : public MatrixFormat {
 public:
  Result<std::unique_ptr<WeightMatrix>> pack(const Execution& execution, int64_t inputs, int64_t outputs, const float* weight,
                                             const float* bias, float scale) const override {
    BEIT_ASSIGN(Matrix matrix, Matrix::quantize(execution, inputs, outputs, weight, bias));
    return make(std::move(matrix), scale);
  }

  bool takesQuantized() const override { return true; }

  Result<std::unique_ptr<WeightMatrix>> packQuantized(const Execution& execution, int64_t inputs, int64_t outputs, const int8_t* values,
                                                      const float* scales, const float* bias, float scale) const override {
    BEIT_ASSIGN(Matrix matrix, Matrix::pack(execution, inputs, outputs, values, scales, bias));
    return make(std::move(matrix), scale);
  }

  Result<std::unique_ptr<PreparedRows>> prepare(const Execution& execution, int64_t rows, int64_t inputs, int64_t outputs,
                                                const float* values) const override {
    return Input::prepare(execution, rows, inputs, outputs, values);
  }

  int64_t weightBytes(int64_t inputs, int64_t outputs) const override { return Matrix::bytes(inputs, outputs); }

 private:
  // The integers are those of the tensor, whatever it is scaled by: only the outputs' scales change.
  static Result<std::unique_ptr<WeightMatrix>> make(Matrix matrix, float scale) {
    if (scale != 1.0f) matrix.scale(scale);
    return std::unique_ptr<WeightMatrix>(std::make_unique<QuantizedMatrix<Matrix, Input>>(std::move(matrix)));
  }
};

}  // namespace

Result<std::unique_ptr<WeightMatrix>> MatrixFormat::packQuantized(const Execution&, int64_t, int64_t, const int8_t*, const float*,
                                                                  const float*, float) const {
  return failure(ErrorCode::kInternal, "MatrixFormat", "a format of floats was given quantised weights");
}

const MatrixFormat& formatOf(WeightType type) {
  static const F32Format f32;
  if (type == WeightType::kFloat32) return f32;
  if (byteDot() != ByteDot::kNone) {
    static const QuantizedFormat<W8A8Matrix, W8A8Input> w8a8;
    return w8a8;
  }
  static const QuantizedFormat<W8A16Matrix, W8A16Input> w8a16;
  return w8a16;
}

}  // namespace beit
