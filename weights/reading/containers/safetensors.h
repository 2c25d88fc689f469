// The safetensors container: 8 bytes of length, a JSON header, then the elements.
// Reference: the format's own description and its Rust reader, which is as strict.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/reading/containers/container.h"
#include "weights/reading/tensor_index.h"

namespace beit {

class SafetensorsIndexer : public ContainerIndexer {
 public:
  static constexpr int64_t kLengthBytes = 8;
  static constexpr int64_t kMaxHeaderBytes = 100'000'000;  // the reference reader's limit

  // `size` is the file's size in bytes, or nothing when it is not known.
  SafetensorsIndexer(std::string file_name, size_t file, std::optional<int64_t> size)
      : file_name_(std::move(file_name)), file_(file), size_(size) {}

  std::string_view name() const override { return "safetensors"; }
  std::optional<ByteRange> next() const override;
  // Errors: kTruncated where the header or the elements would end behind the file; kMalformed for all
  // else that breaks the format, a file with more bytes than its header describes included.
  Status supply(std::span<const uint8_t> bytes) override;
  // By offset.
  std::vector<TensorEntry>& entries() override { return entries_; }

 private:
  Status readLength();
  Status readHeader();
  Result<TensorEntry> readEntry(std::string_view name, class JsonValue value, int64_t data_start) const;

  std::string file_name_;
  size_t file_;
  std::optional<int64_t> size_;
  std::string bytes_;          // of the part that is being read
  int64_t header_bytes_ = -1;  // unknown before the length is read
  bool done_ = false;
  std::vector<TensorEntry> entries_;
};

// Returns the index of a whole file in memory; entries' offsets are from its first byte.
Result<std::vector<TensorEntry>> indexSafetensors(std::span<const uint8_t> file, std::string name);

}  // namespace beit
