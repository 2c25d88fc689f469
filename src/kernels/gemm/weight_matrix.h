// The seam between layers and the kernels that multiply their rows with constant matrices. A layer is told a format
// and asks nothing about it: it packs its weights once and prepares each input once, also for several matrices that
// read the same input. What a format computes with is its own affair.
//
//   f32    PackedMatrix, and Strassen's form for many rows                     f32.h, strassen.h
//   W8A16  weights in 8 bits, activations in up to 16, and Strassen's form     w8a16.h, quantized_strassen.h
//   W8A8   both in 8 bits, where the engine has an exact dot product of bytes  w8a8.h
//
// A format that can be trained or that lies on another device is one more row: a product with the transposed matrix
// and a gradient would be functions of WeightMatrix.
#pragma once

#include <cstdint>
#include <memory>

#include "src/base/result.h"
#include "src/kernels/execution.h"

namespace beit {

// Which numbers a layer's weights are: floats, or 8-bit integers with a scale for each output.
enum class WeightType { kFloat32, kInt8 };

// Rows of floats in the form in which the matrices of one format read them, for any number of products.
class PreparedRows {
 public:
  virtual ~PreparedRows() = default;
  PreparedRows(const PreparedRows&) = delete;
  PreparedRows& operator=(const PreparedRows&) = delete;

  int64_t rows() const { return rows_; }

 protected:
  explicit PreparedRows(int64_t rows) : rows_(rows) {}

 private:
  const int64_t rows_;
};

// A constant matrix W (outputs, inputs) and a bias (outputs), packed.
class WeightMatrix {
 public:
  virtual ~WeightMatrix() = default;
  WeightMatrix(const WeightMatrix&) = delete;
  WeightMatrix& operator=(const WeightMatrix&) = delete;

  // output (rows, outputs) = rows x W^T + bias, dense. The rows were prepared by the format of this matrix, for as many
  // inputs, and for as many outputs or more.
  virtual void multiply(const Execution& execution, const PreparedRows& rows, float* output) const = 0;

 protected:
  WeightMatrix() = default;
};

class MatrixFormat {
 public:
  virtual ~MatrixFormat() = default;

  // Packs `weight` (outputs, inputs) and `bias` (outputs), or null for zeros, both times `scale`, on all threads. Both may go
  // afterwards. An output with a weight that is not finite gives NaN. Error: kOutOfMemory.
  virtual Result<std::unique_ptr<WeightMatrix>> pack(const Execution& execution, int64_t inputs, int64_t outputs, const float* weight,
                                                     const float* bias, float scale) const = 0;

  // Whether packQuantized() may be called: weights that are stored quantised are taken as they are, and the same from
  // floats as a file that was converted from them holds.
  virtual bool takesQuantized() const { return false; }

  // Packs weights that are quantised already: values (outputs, inputs) and the scale of each output. Error: kOutOfMemory.
  virtual Result<std::unique_ptr<WeightMatrix>> packQuantized(const Execution& execution, int64_t inputs, int64_t outputs,
                                                              const int8_t* values, const float* scales, const float* bias,
                                                              float scale) const;

  // Prepares `rows` dense rows of `inputs` floats for matrices of at most `outputs` outputs. `values` must stay as long
  // as what is returned. Error: kOutOfMemory.
  virtual Result<std::unique_ptr<PreparedRows>> prepare(const Execution& execution, int64_t rows, int64_t inputs, int64_t outputs,
                                                        const float* values) const = 0;

  // Returns the bytes of a matrix of that size, packed.
  virtual int64_t weightBytes(int64_t inputs, int64_t outputs) const = 0;
};

// Returns the format for weights of that type: always the same one on one engine. For kInt8 it is W8A8 where a trial
// finds an exact dot product of bytes, else W8A16; nothing else asks which. It lives as long as the program.
const MatrixFormat& formatOf(WeightType type);

}  // namespace beit
