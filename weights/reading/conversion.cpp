#include "weights/reading/conversion.h"

#include <algorithm>
#include <iterator>

#include "src/kernels/gemm/quantization.h"
#include "weights/reading/compressed_tensors.h"
#include "weights/reading/element_convert.h"
#include "weights/reading/names/naming.h"

namespace beit {

namespace {

// Returns the dialect in which the reference's class of that name saves its parameters.
Dialect dialectOf(std::string_view class_name) {
  if (class_name.starts_with("Dalle")) return Dialect::kDalle;
  // BeitModel, BeitBackbone: what other classes have as their member "beit" is the whole.
  if (class_name.ends_with("Model") || class_name.ends_with("Backbone")) return Dialect::kTransformersBare;
  return class_name.starts_with("Data2VecVision") ? Dialect::kData2Vec : Dialect::kTransformers;
}

template <typename T>
std::span<const uint8_t> bytesOf(std::span<const T> values) {
  return {reinterpret_cast<const uint8_t*>(values.data()), values.size_bytes()};
}

}  // namespace

Result<std::unique_ptr<Conversion>> Conversion::create(const ParameterList& expected, std::string_view class_name, DType dtype) {
  if (dtype != DType::kF32 && dtype != DType::kF16 && dtype != DType::kBF16 && dtype != DType::kI8)
    return mismatch(ErrorCode::kUnsupported, "The type to convert to", std::string(toString(dtype)), "F32, F16, BF16 or I8");
  std::unique_ptr<Conversion> conversion(new Conversion);
  Conversion* self = conversion.get();
  const Dialect dialect = dialectOf(class_name);
  std::vector<Output> scales;
  for (size_t i = 0; i < expected.all().size(); ++i) {
    const Parameter& parameter = expected.all()[i];
    const bool quantized = dtype == DType::kI8 && parameter.receive_quantized;
    const DType floats = dtype != DType::kI8 ? dtype : parameter.shape.size() < 2 ? DType::kF32 : DType::kF16;
    const std::string& name = self->outputs_
                                  .emplace_back(Output{nameIn(dialect, parameter.name).value_or(parameter.name), parameter.shape,
                                                       quantized ? DType::kI8 : floats})
                                  .name;
    if (!quantized) {
      self->parameters_.add(parameter.name, parameter.shape, [self, i](std::span<float> values) { return self->convert(i, values); });
      continue;
    }
    const size_t of = expected.all().size() + scales.size();
    scales.push_back({ScaleIndex::nameOf(name), {parameter.shape[0], 1}, DType::kF32});
    Parameter& own = self->parameters_.add(parameter.name, parameter.shape,
                                           [self, i, of](std::span<float> values) { return self->quantize(i, of, values); });
    own.receive_quantized = [self, i, of](QuantizedValues values) -> Status {
      self->add(i, bytesOf(values.values));
      self->add(of, bytesOf(values.scales));
      return {};
    };
  }
  std::move(scales.begin(), scales.end(), std::back_inserter(self->outputs_));
  return conversion;
}

Status Conversion::convert(size_t tensor, std::span<const float> values) {
  const Output& output = outputs_[tensor];
  BEIT_TRY(checkHeldBy(output.dtype, output.name, values));
  Piece piece{tensor, std::vector<uint8_t>(values.size() * static_cast<size_t>(elementSize(output.dtype)))};
  encodeElements(output.dtype, values, piece.bytes.data());
  pieces_.push_back(std::move(piece));
  return {};
}

Status Conversion::quantize(size_t tensor, size_t scales, std::span<const float> values) {
  const int64_t outputs = outputs_[tensor].shape[0], inputs = static_cast<int64_t>(values.size()) / outputs;
  Piece matrix{tensor, std::vector<uint8_t>(values.size())};
  std::vector<float> found(static_cast<size_t>(outputs));
  if (!quantizeWeights(inputs, outputs, values.data(), reinterpret_cast<int8_t*>(matrix.bytes.data()), found.data()))
    return mismatch(ErrorCode::kInvalidArgument, outputs_[tensor].name, "a value that is infinite or NaN",
                    "finite ones, which int8 can hold (F32, F16 and BF16 hold the others)");
  pieces_.push_back(std::move(matrix));
  add(scales, bytesOf(std::span<const float>(found)));
  return {};
}

}  // namespace beit
