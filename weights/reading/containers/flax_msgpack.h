// Flax's checkpoints: nested maps in MessagePack, with arrays as extension 1, which holds an array of
// shape, name of the element type, and bytes.
// Reference: flax/serialization.py (msgpack_serialize, _ndarray_to_bytes).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "weights/reading/containers/container.h"
#include "weights/reading/containers/msgpack_token.h"
#include "weights/reading/tensor_index.h"

namespace beit {

class FlaxMsgpackIndexer : public ContainerIndexer {
 public:
  FlaxMsgpackIndexer(std::string file_name, size_t file, std::optional<int64_t> size)
      : file_name_(std::move(file_name)), file_(file), size_(size) {}

  // Returns whether a file may begin so: with a map that is not empty and whose first key is text.
  static bool looksLike(std::span<const uint8_t> first);

  std::string_view name() const override { return "Flax (msgpack)"; }
  // The maps between the elements, which are skipped: the file is gone through once for its index and
  // once for its elements.
  std::optional<ByteRange> next() const override;
  // Errors: kUnsupported for arrays in chunks (Flax splits those above 1 GB); kWrongType for an element
  // type that is not read; kMalformed; kTruncated.
  Status supply(std::span<const uint8_t> bytes) override;
  // By offset. Names of nested maps are joined by dots.
  std::vector<TensorEntry>& entries() override { return entries_; }

 private:
  // A map or an array that is being walked.
  struct Level {
    bool is_map = true;
    uint64_t rest = 0;     // values to come
    uint64_t index = 0;    // of an array: its next value
    size_t prefix = 0;     // characters of name_ that are its own
    bool has_key = false;  // of a map: the key of the next value has been read
  };

  // Reads one token. Returns whether there was all it takes; missing_ says what is missing.
  Result<bool> step();
  Status readKey(const MsgpackToken& token);
  Status open(const MsgpackToken& token);
  // Reads an array's head: everything before its elements.
  Result<bool> readArray(const MsgpackToken& token);
  // Goes past a value that needs no look, of which `bytes` are left.
  Status skip(uint64_t bytes);
  void finishValue();

  std::span<const uint8_t> rest() const { return std::span(bytes_).subspan(at_); }
  int64_t position() const { return start_ + static_cast<int64_t>(at_); }
  Status require(uint64_t bytes) const;
  Error malformed(std::string_view what) const;

  std::string file_name_;
  size_t file_;
  std::optional<int64_t> size_;
  std::vector<uint8_t> bytes_;  // a window of the file
  int64_t start_ = 0;           // of it
  size_t at_ = 0;               // in it
  size_t missing_ = 1;          // behind it
  std::vector<Level> levels_;
  std::string name_;
  bool begun_ = false, done_ = false;
  std::vector<TensorEntry> entries_;
};

}  // namespace beit
