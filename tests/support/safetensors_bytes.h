// Safetensors files made in memory, good ones and bad ones.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/tensor.h"
#include "src/parameters/parameters.h"
#include "tests/support/random_model.h"

namespace beit::test {

using Bytes = std::vector<uint8_t>;

struct FileTensor {
  std::string name, dtype;
  Shape shape;
  Bytes bytes;
};

// Returns a tensor whose elements are the bytes of `values`, as they are in memory.
template <typename T>
FileTensor tensorOf(std::string name, std::string dtype, Shape shape, const std::vector<T>& values) {
  const auto* first = reinterpret_cast<const uint8_t*>(values.data());
  return {std::move(name), std::move(dtype), std::move(shape), Bytes(first, first + values.size() * sizeof(T))};
}

// Returns the parameters as F32 tensors under the names that rename(name) gives.
template <typename Rename>
std::vector<FileTensor> tensorsOf(const ParameterList& parameters, const Weights& weights, Rename rename) {
  std::vector<FileTensor> tensors;
  for (const Parameter& parameter : parameters.all())
    tensors.push_back(tensorOf(rename(parameter.name), "F32", parameter.shape, weights.at(parameter.name)));
  return tensors;
}

// Returns 8 bytes of length, that header, and those bytes behind it.
Bytes fileOf(std::string_view header, const Bytes& data);

// Returns the file of those tensors, in that order, its header padded with spaces to a multiple of 8
// and to at least `header_bytes`.
Bytes safetensorsFile(const std::vector<FileTensor>& tensors, size_t header_bytes = 0);

}  // namespace beit::test
