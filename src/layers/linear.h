// A fully connected layer, y = x W^T + b. Weights are packed, or quantised and packed, when they arrive,
// so the caller's copy can go at once.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "src/base/result.h"
#include "src/base/tensor.h"
#include "src/kernels/gemm/f32.h"
#include "src/kernels/gemm/quantized.h"
#include "src/kernels/gemm/strassen.h"
#include "src/kernels/thread_pool.h"
#include "src/parameters/parameter_group.h"
#include "src/parameters/parameters.h"

namespace beit {

// How a layer computes: with floats, or with the whole numbers of src/kernels/gemm/quantized.h.
enum class WeightType { kFloat32, kInt8 };

// Rows in the form in which layers of one weight type read them, for several layers with one input.
class LinearInput {
 public:
  // `values`, `rows` dense rows of `inputs` floats, must stay as long as this. `outputs` is that of the largest
  // of the layers. Error: kOutOfMemory.
  static Result<LinearInput> make(const ThreadPool& pool, WeightType type, int64_t rows, int64_t inputs,
                                  int64_t outputs, const float* values);
  // Returns the bytes that this takes beside the values.
  static int64_t bytes(WeightType type, int64_t rows, int64_t inputs, int64_t outputs, int threads) {
    return type == WeightType::kInt8 ? Int8Rows::bytes(rows, inputs, threads) : StrassenRows::bytes(rows, inputs, outputs, threads);
  }

 private:
  friend class Linear;
  int64_t rows_ = 0;
  const float* values_ = nullptr;
  Int8Rows quantized_;     // for kInt8
  StrassenRows strassen_;  // for floats, where it suits
};

class Linear {
 public:
  // For make(); declare() says its own type.
  explicit Linear(WeightType type = WeightType::kFloat32) : type_(type) {}

  // Adds "PREFIX.weight" (outputs, inputs) and, if has_bias, "PREFIX.bias" (outputs) to the list.
  // When both have arrived the layer is made, times `scale`. A quantised one takes weights that are stored
  // so as they are, and the same from floats as a file that was converted from them holds.
  // The layer must stay at its address until the list has been filled.
  void declare(ParameterList& parameters, const std::string& prefix, int64_t inputs, int64_t outputs,
               bool has_bias, WeightType type = WeightType::kFloat32, float scale = 1.0f);

  // The same for a convolution without overlap (stride = kernel): "PREFIX.weight" has `shape`
  // (outputs, channels, height, width), and a row of input is a patch in that order. With bias, in floats.
  void declareConvolution(ParameterList& parameters, const std::string& prefix, const Shape& shape);

  // Makes the layer of `weight` (outputs, inputs) and `bias` (outputs), or null, which are copied.
  Status make(int64_t inputs, int64_t outputs, const float* weight, const float* bias);

  // Returns the bytes of a layer's weights, packed.
  static int64_t weightBytes(WeightType type, int64_t inputs, int64_t outputs);

  bool ready() const { return !matrix_.empty() || !quantized_.empty(); }
  int64_t inputs() const { return inputs_; }
  int64_t outputs() const { return outputs_; }

  // Computes `rows` rows of `outputs()` floats from `rows` rows of `inputs()` floats, both dense.
  // Error: kOutOfMemory.
  Status run(const ThreadPool& pool, int64_t rows, const float* input, float* output) const;

  // The same for an input that other layers read too; it was made for this layer's type and inputs().
  void run(const ThreadPool& pool, const LinearInput& input, float* output) const;

 private:
  void declareShaped(ParameterList& parameters, const std::string& prefix, Shape weight_shape, bool has_bias);
  Status pack(std::span<float> weight);
  Status packQuantized(QuantizedValues weight);

  WeightType type_;
  PackedMatrix matrix_;   // one of both, by type_
  Int8Matrix quantized_;
  int64_t inputs_ = 0, outputs_ = 0;
  float scale_ = 1.0f;
  TensorGroup group_;
  FloatBuffer bias_;  // until the weight has come
};

}  // namespace beit
