#include "weights/conversion.h"

#include <cmath>

#include "weights/element_convert.h"
#include "weights/naming.h"

namespace beit {

namespace {

// Returns the dialect in which the reference's class of that name saves its parameters.
Dialect dialectOf(std::string_view class_name) {
  if (class_name.starts_with("Dalle")) return Dialect::kDalle;
  // BeitModel, BeitBackbone: what other classes have as their member "beit" is the whole.
  if (class_name.ends_with("Model") || class_name.ends_with("Backbone")) return Dialect::kTransformersBare;
  return class_name.starts_with("Data2VecVision") ? Dialect::kData2Vec : Dialect::kTransformers;
}

}  // namespace

Result<std::unique_ptr<Conversion>> Conversion::create(const ParameterList& expected, std::string_view class_name, DType dtype) {
  if (dtype != DType::kF32 && dtype != DType::kF16 && dtype != DType::kBF16)
    return mismatch(ErrorCode::kUnsupported, "The type to convert to", std::string(toString(dtype)), "F32, F16 or BF16");
  std::unique_ptr<Conversion> conversion(new Conversion(dtype));
  const Dialect dialect = dialectOf(class_name);
  for (size_t i = 0; i < expected.all().size(); ++i) {
    const Parameter& parameter = expected.all()[i];
    conversion->file_names_.push_back(nameIn(dialect, parameter.name).value_or(parameter.name));
    conversion->parameters_.add(parameter.name, parameter.shape, [self = conversion.get(), i](std::span<float> values) {
      return self->convert(i, values);
    });
  }
  return conversion;
}

Status Conversion::convert(size_t tensor, std::span<const float> values) {
  constexpr float kHalfOverflow = 65520.0f;  // from here on the nearest half is infinity
  if (dtype_ == DType::kF16)
    for (const float value : values)
      if (std::isfinite(value) && std::abs(value) >= kHalfOverflow)
        return mismatch(ErrorCode::kInvalidArgument, file_names_[tensor], "a value of " + std::to_string(value),
                        "at most 65504, the largest of F16 (BF16 and F32 hold it)");
  Piece piece{tensor, std::vector<uint8_t>(values.size() * static_cast<size_t>(elementSize(dtype_)))};
  encodeElements(dtype_, values, piece.bytes.data());
  pieces_.push_back(std::move(piece));
  return {};
}

}  // namespace beit
