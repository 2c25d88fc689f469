#include "src/kernels/gemm/quantized.h"

namespace beit {

namespace {

bool byBytes() { return byteDot() != ByteDot::kNone; }

}  // namespace

Result<Int8Rows> Int8Rows::quantize(const ThreadPool& pool, int64_t rows, int64_t inputs, const float* values) {
  Int8Rows result;
  if (byBytes()) {
    BEIT_ASSIGN(result.bytes_, ByteRows::quantize(pool, rows, inputs, values));
  } else {
    BEIT_ASSIGN(result.words_, QuantizedRows::quantize(pool, rows, inputs, values));
  }
  return result;
}

int64_t Int8Rows::bytes(int64_t rows, int64_t inputs, int threads) {
  return byBytes() ? ByteRows::bytes(rows, inputs) : QuantizedRows::bytes(rows, inputs, threads);
}

Result<Int8Matrix> Int8Matrix::quantize(int64_t inputs, int64_t outputs, const float* weight, const float* bias) {
  Int8Matrix matrix;
  if (byBytes()) {
    BEIT_ASSIGN(matrix.bytes_, ByteMatrix::quantize(inputs, outputs, weight, bias));
  } else {
    BEIT_ASSIGN(matrix.words_, QuantizedMatrix::quantize(inputs, outputs, weight, bias));
  }
  return matrix;
}

Result<Int8Matrix> Int8Matrix::pack(int64_t inputs, int64_t outputs, const int8_t* values, const float* scales, const float* bias) {
  Int8Matrix matrix;
  if (byBytes()) {
    BEIT_ASSIGN(matrix.bytes_, ByteMatrix::pack(inputs, outputs, values, scales, bias));
  } else {
    BEIT_ASSIGN(matrix.words_, QuantizedMatrix::pack(inputs, outputs, values, scales, bias));
  }
  return matrix;
}

int64_t Int8Matrix::bytes(int64_t inputs, int64_t outputs) {
  return byBytes() ? ByteMatrix::bytes(inputs, outputs) : QuantizedMatrix::bytes(inputs, outputs);
}

void Int8Matrix::scale(float factor) {
  if (byBytes()) bytes_.scale(factor);
  else words_.scale(factor);
}

void Int8Matrix::multiply(const ThreadPool& pool, const Int8Rows& rows, float* output, int64_t output_stride) const {
  if (byBytes()) bytes_.multiply(pool, rows.bytes_, output, output_stride);
  else words_.multiply(pool, rows.words_, output, output_stride);
}

}  // namespace beit
