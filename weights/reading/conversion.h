// A checkpoint of any container and naming on its way to a file with transformers' names. One tensor at
// a time is in memory; the file around the values is the caller's affair.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/result.h"
#include "src/parameters/parameters.h"

namespace beit {

class Conversion {
 public:
  // A tensor of the new file.
  struct Output {
    std::string name;
    Shape shape;
    DType dtype = DType::kF32;
  };
  // All values of one.
  struct Piece {
    size_t tensor = 0;  // its index in outputs()
    std::vector<uint8_t> bytes;
  };

  // Returns the conversion to tensors of a class of the reference (BeitModel,
  // Data2VecVisionForImageClassification, …) or of half of DALL-E's tokenizer, which expects these
  // parameters; only what they are is used. Values become elements of `dtype`: kF32, kF16, kBF16, or kI8:
  // then those that are taken quantised are written as compressed_tensors.h has them, other vectors are F32 and
  // all else is F16. What the source holds quantised stays as it is. Errors: kUnsupported for another type.
  static Result<std::unique_ptr<Conversion>> create(const ParameterList& expected, std::string_view class_name, DType dtype);

  Conversion(const Conversion&) = delete;
  Conversion& operator=(const Conversion&) = delete;

  // To be filled by a checkpoint. A value that the type cannot hold is an error (kInvalidArgument): a
  // finite one that would be rounded to infinity were no weight any more, and I8 holds finite ones only.
  ParameterList& parameters() { return parameters_; }

  // The tensors of the file, in no order: of each parameter, by its index in parameters(), and scales.
  const std::vector<Output>& outputs() const { return outputs_; }

  // Returns what has been converted since the last call.
  std::vector<Piece> take() { return std::exchange(pieces_, {}); }

 private:
  Conversion() = default;
  Status convert(size_t tensor, std::span<const float> values);
  Status quantize(size_t tensor, size_t scales, std::span<const float> values);
  void add(size_t tensor, std::span<const uint8_t> bytes) { pieces_.push_back({tensor, {bytes.begin(), bytes.end()}}); }

  ParameterList parameters_;
  std::vector<Output> outputs_;
  std::vector<Piece> pieces_;
};

}  // namespace beit
