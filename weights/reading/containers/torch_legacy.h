// PyTorch's checkpoints before 1.6: five pickles one after another (a magic number, a version, the
// machine, the object, the keys of its storages), then each storage, with its number of elements in 8
// bytes before it.
// Reference: torch/serialization.py (_legacy_save, _legacy_load).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "weights/reading/containers/container.h"
#include "weights/reading/containers/pickle.h"
#include "weights/reading/containers/pickle_opcodes.h"
#include "weights/reading/tensor_index.h"

namespace beit {

class TorchLegacyIndexer : public ContainerIndexer {
 public:
  static constexpr size_t kMaxPickleBytes = 64 << 20;

  TorchLegacyIndexer(std::string file_name, size_t file, std::optional<int64_t> size)
      : file_name_(std::move(file_name)), file_(file), size_(size) {}

  // Returns whether a file begins so; `first` are its first kSniffBytes bytes.
  static bool isMagic(std::span<const uint8_t> first);

  std::string_view name() const override { return "PyTorch (legacy)"; }
  // In pieces where the size is known; otherwise no byte more than the pickles surely have, as a
  // stream cannot go back to the storages behind them.
  std::optional<ByteRange> next() const override;
  // Errors: kUnsupported for another version, a big-endian machine, and what readTorchTensors() and
  // Pickle::parse() do not read; kMalformed; kTruncated when the storages reach past the file's end.
  Status supply(std::span<const uint8_t> bytes) override;
  // By offset.
  std::vector<TensorEntry>& entries() override { return entries_; }

 private:
  enum Part { kMagic, kVersion, kMachine, kObject, kKeys, kParts };

  Status check(Part part, const Pickle& pickle) const;
  Status finish();

  std::string file_name_;
  size_t file_;
  std::optional<int64_t> size_;
  std::vector<uint8_t> bytes_;  // of the pickle that is being read, and what was read behind it
  int64_t start_ = 0;           // of these bytes in the file
  PickleExtent extent_;
  size_t missing_ = 1;
  std::vector<Pickle> pickles_;
  bool done_ = false;
  std::vector<TensorEntry> entries_;
};

}  // namespace beit
