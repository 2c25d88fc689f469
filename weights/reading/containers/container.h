// What every kind of checkpoint file is read through: a reader that makes the table of its tensors
// from as few bytes as it can, asking for them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "weights/reading/tensor_index.h"

namespace beit {

class ContainerIndexer {
 public:
  virtual ~ContainerIndexer() = default;

  // Returns the container's name for people, such as "safetensors".
  virtual std::string_view name() const = 0;

  // Returns the bytes that are wanted next, at least one, or nothing when the index is complete.
  virtual std::optional<ByteRange> next() const = 0;

  // Takes the next bytes of what next() named, at most that many. After an error the reader is of no
  // more use.
  virtual Status supply(std::span<const uint8_t> bytes) = 0;

  // The tensors; complete when next() returns nothing.
  virtual std::vector<TensorEntry>& entries() = 0;

  // Returns what the weights are called in a file that holds averaged and plain ones, of which the averaged
  // are read; "" for all other files.
  const std::string& averaged() const { return averaged_; }

 protected:
  std::string averaged_;
};

// How many of a file's first bytes openContainer() looks at.
constexpr int64_t kSniffBytes = 8;

// Returns the reader for a file by its first kSniffBytes bytes, which it has been given already as far
// as it next them. `file` is the index that entries carry; `size` is the file's, or nothing when it
// is not known (a stream). Errors: kHtml for a web page; kUnsupported for a kind that is not read,
// named where it is known; those of the reader.
Result<std::unique_ptr<ContainerIndexer>> openContainer(std::string file_name, size_t file, std::optional<int64_t> size,
                                                        std::span<const uint8_t> first);

}  // namespace beit
