#include "tests/support/named_tensors.h"

#include <cstring>

#include "tests/support/files.h"
#include "weights/reading/containers/safetensors.h"
#include "weights/reading/element_convert.h"

namespace beit::test {

namespace {

template <typename T>
void append(std::span<const uint8_t> bytes, std::vector<double>& to) {
  for (size_t i = 0; i + sizeof(T) <= bytes.size(); i += sizeof(T)) {
    T value;
    std::memcpy(&value, bytes.data() + i, sizeof value);
    to.push_back(static_cast<double>(value));
  }
}

}  // namespace

std::vector<float> NamedValues::floats() const {
  std::vector<float> out;
  for (const double value : values()) out.push_back(static_cast<float>(value));
  return out;
}

std::vector<double> NamedValues::values() const {
  std::vector<double> out;
  switch (dtype) {
    case DType::kI64: append<int64_t>(bytes, out); break;
    case DType::kI32: append<int32_t>(bytes, out); break;
    case DType::kU8:
    case DType::kBool: append<uint8_t>(bytes, out); break;
    default: {
      std::vector<float> floats(bytes.size() / static_cast<size_t>(elementSize(dtype)));
      convertElements(dtype, bytes, floats.data());
      out.assign(floats.begin(), floats.end());
    }
  }
  return out;
}

Result<std::map<std::string, NamedValues>> readTensors(const std::filesystem::path& path) {
  const auto file = readBytes(path);
  BEIT_ASSIGN(const auto entries, indexSafetensors(file, path.filename().string()));
  std::map<std::string, NamedValues> tensors;
  for (const auto& entry : entries) {
    const auto first = file.begin() + entry.offset;
    tensors[entry.name] = {entry.dtype, entry.shape, {first, first + entry.bytes}};
  }
  return tensors;
}

}  // namespace beit::test
