// A safetensors file as named tensors, as the reference cases hold inputs and answers.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "src/base/tensor.h"

namespace beit::test {

struct NamedValues {
  DType dtype = DType::kF32;
  Shape shape;
  std::vector<uint8_t> bytes;  // as in the file

  // Returns the elements as doubles, whatever their type.
  std::vector<double> values() const;
  std::vector<float> floats() const;
};

// Returns the tensors by name, or the reader's error.
Result<std::map<std::string, NamedValues>> readTensors(const std::filesystem::path& path);

}  // namespace beit::test
