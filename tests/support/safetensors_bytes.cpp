#include "tests/support/safetensors_bytes.h"

namespace beit::test {

Bytes fileOf(std::string_view header, const Bytes& data) {
  Bytes file;
  for (int i = 0; i < 8; ++i) file.push_back(static_cast<uint8_t>(static_cast<uint64_t>(header.size()) >> (8 * i)));
  file.insert(file.end(), header.begin(), header.end());
  file.insert(file.end(), data.begin(), data.end());
  return file;
}

Bytes safetensorsFile(const std::vector<FileTensor>& tensors, size_t header_bytes) {
  std::string header = R"({"__metadata__":{"format":"pt"})";
  Bytes data;
  for (const FileTensor& tensor : tensors) {
    const size_t begin = data.size();
    data.insert(data.end(), tensor.bytes.begin(), tensor.bytes.end());
    header += ",\"" + tensor.name + "\":{\"dtype\":\"" + tensor.dtype + "\",\"shape\":" + toString(tensor.shape) + ",\"data_offsets\":[" +
              std::to_string(begin) + "," + std::to_string(data.size()) + "]}";
  }
  header += "}";
  while (header.size() % 8 != 0 || header.size() < header_bytes) header += ' ';
  return fileOf(header, data);
}

}  // namespace beit::test
