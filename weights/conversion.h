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

#include "src/parameters.h"
#include "src/result.h"

namespace beit {

class Conversion {
 public:
  // All values of one tensor.
  struct Piece {
    size_t tensor = 0;
    std::vector<uint8_t> bytes;
  };

  // Returns the conversion to tensors of a class of the reference (BeitModel,
  // Data2VecVisionForImageClassification, …) or of half of DALL-E's tokenizer, which expects these
  // parameters; only their names and shapes are used. Values become elements of `dtype`: kF32, kF16 or
  // kBF16. Errors: kUnsupported for another type.
  static Result<std::unique_ptr<Conversion>> create(const ParameterList& expected, std::string_view class_name, DType dtype);

  Conversion(const Conversion&) = delete;
  Conversion& operator=(const Conversion&) = delete;

  // To be filled by a checkpoint. A finite value that the type cannot hold is an error
  // (kInvalidArgument): rounded to infinity it would be no weight any more.
  ParameterList& parameters() { return parameters_; }

  // Returns the name that a parameter has in the file, by its index in parameters().
  const std::string& fileName(size_t tensor) const { return file_names_[tensor]; }

  // Returns what has been converted since the last call.
  std::vector<Piece> take() { return std::exchange(pieces_, {}); }

 private:
  explicit Conversion(DType dtype) : dtype_(dtype) {}
  Status convert(size_t tensor, std::span<const float> values);

  const DType dtype_;
  ParameterList parameters_;
  std::vector<std::string> file_names_;
  std::vector<Piece> pieces_;
};

}  // namespace beit
