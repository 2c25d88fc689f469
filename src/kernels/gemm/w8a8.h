// The products of w8a16.h where the engine has a dot product of bytes (x86's VNNI, ARM's SDOT, behind
// relaxed SIMD): twice as many products an instruction. W in 8 bits with a scale for each output; x in 8 bits with
// a scale and an offset for each row and each kChunk of its inputs, which costs little and keeps one large value
// from coarsening a whole row.
#pragma once

#include <cstdint>

#include "src/base/buffer.h"
#include "src/base/result.h"
#include "src/base/tensor.h"
#include "src/kernels/execution.h"
#include "src/kernels/gemm/blocking.h"
#include "src/kernels/gemm/quantization.h"

namespace beit {

// What the engine's dot product takes the second operand's bytes for. kNone: it has none that is exact for all
// bytes, and sums of 16-bit products are faster.
enum class ByteDot { kNone, kUnsigned, kSigned };

#if defined(__wasm_relaxed_simd__)
// Returns what a trial says of this engine on this machine; always the same.
ByteDot byteDot();
#else
// dotQuads() is right in any other build, but slow: for tests. That this is known to the compiler keeps all of it
// out of artefacts.
constexpr ByteDot byteDot() { return ByteDot::kNone; }
#endif

class W8A8Rows {
 public:
  static constexpr int64_t kChunk = 384;  // 768 and 3072 in whole ones; sums of it fit the 24 bits of a float

  // Quantises `rows` dense rows of `inputs` floats on the pool. A row that holds an infinity or a NaN gives NaN.
  // Error: kOutOfMemory.
  static Result<W8A8Rows> quantize(const Execution& execution, int64_t rows, int64_t inputs, const float* values);

  int64_t rows() const { return rows_; }
  int64_t inputs() const { return inputs_; }
  int64_t stride() const { return (inputs_ + 3) / 4 * 4; }
  const uint8_t* row(int64_t r) const { return values_.data() + r * stride(); }
  // For each chunk of a row scale and offset, then the row's factor: a value is (scale * byte + offset) * factor, the
  // byte as the dot product takes it. The factor is 1 but for rows whose products would overflow before they are scaled.
  const float* scales(int64_t r) const { return scales_.data() + r * scaleStride(); }
  int64_t scaleStride() const { return 2 * chunksOf(inputs_) + 1; }

  static int64_t chunksOf(int64_t inputs) { return (inputs + kChunk - 1) / kChunk; }

 private:
  int64_t rows_ = 0, inputs_ = 0;
  Buffer<uint8_t> values_;  // (rows, stride)
  FloatBuffer scales_;      // (rows, chunks * 2 + 1)
};

class W8A8Matrix {
 public:
  W8A8Matrix() = default;

  // As W8A16Matrix has them: the same integers and scales.
  static Result<W8A8Matrix> quantize(const Execution& execution, int64_t inputs, int64_t outputs, const float* weight, const float* bias);
  static Result<W8A8Matrix> pack(const Execution& execution, int64_t inputs, int64_t outputs, const int8_t* values, const float* scales,
                                 const float* bias);

  // Returns the bytes that a matrix takes, packed, with sums, scales and bias.
  static int64_t bytes(int64_t inputs, int64_t outputs);

  bool empty() const { return panels_.empty(); }
  int64_t outputs() const { return outputs_; }

  // W and b = W and b times `factor`; no quantised value changes.
  void scale(float factor) { scaling_.scale(factor); }

  // output (rows, outputs) = rows x W^T + b, then the epilogue.
  void multiply(const Execution& execution, const W8A8Rows& rows, float* output, int64_t output_stride, GemmEpilogue epilogue = {}) const;

 private:
  static Result<W8A8Matrix> allocate(int64_t inputs, int64_t outputs, const float* bias);
  // Sets a panel and its sums to 0, which is what lies behind the last input and the last output.
  void clearPanel(int64_t panel);
  // Packs one output's integers, and sums them up.
  template <typename Integer>
  void packOutput(int64_t output, const Integer* values);

  int64_t inputs_ = 0, outputs_ = 0;
  Buffer<int8_t> panels_;  // (outputs / 8 rounded up, inputs / 4 rounded up, 8, 4)
  FloatBuffer sums_;       // (outputs / 8 rounded up, chunks, 8): of an output's integers in a chunk
  OutputScales scaling_;
};

}  // namespace beit
