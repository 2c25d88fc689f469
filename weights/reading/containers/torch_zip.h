// PyTorch's checkpoints since 1.6: a zip file with data.pkl, which describes tensors, and their
// storages as members data/KEY, none compressed.
// Reference: torch/serialization.py (_save, _load), caffe2/serialize/inline_container.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "weights/reading/containers/container.h"
#include "weights/reading/containers/pickle.h"
#include "weights/reading/containers/torch_pickle.h"
#include "weights/reading/containers/zip_directory.h"
#include "weights/reading/tensor_index.h"

namespace beit {

// A zip file's directory stands at its end, so that the file is read backwards first: its size must be
// known, and its source should seek.
class TorchZipIndexer : public ContainerIndexer {
 public:
  static constexpr int64_t kMaxPickleBytes = 64 << 20;

  // Errors: kUnsupported without a size, which only a file that is streamed lacks.
  static Result<std::unique_ptr<ContainerIndexer>> create(std::string file_name, size_t file, std::optional<int64_t> size);

  std::string_view name() const override { return "PyTorch (zip)"; }
  std::optional<ByteRange> next() const override;
  // Errors: kUnsupported for a zip file that is no checkpoint or is compressed, big-endian elements,
  // and what readTorchTensors() and Pickle::parse() do not read; kMalformed, kTruncated.
  Status supply(std::span<const uint8_t> bytes) override;
  // By offset.
  std::vector<TensorEntry>& entries() override { return entries_; }

 private:
  enum class Stage { kEnd, kZip64End, kDirectory, kByteOrder, kPickle, kHeaders, kDone };

  TorchZipIndexer(std::string file_name, size_t file, int64_t size);

  void want(Stage stage, ByteRange range);
  // Each takes what its stage has read, and says what to read next.
  Status readEnd(const ZipEnd& end);
  Status readDirectory();
  Status readByteOrder();
  Status readPickle();
  Status readHeader();

  // Reads a member with all that stands before it.
  void wantMember(Stage stage, const ZipMember& member);
  // Returns what was read of that member.
  Result<std::span<const uint8_t>> memberBytes(const ZipMember& member) const;
  // Returns the member PREFIX + name, or null.
  const ZipMember* find(std::string_view name) const;
  // Returns whether all storages lie where PyTorch's own writer puts them, so that their headers need
  // not be read, and sets their offsets if they do.
  bool guessOffsets(const ZipMember& pickle);
  Status finish();

  std::string file_name_;
  size_t file_;
  int64_t size_;
  Stage stage_ = Stage::kEnd;
  ByteRange range_;             // what is being read
  std::vector<uint8_t> bytes_;  // of it

  ZipEnd end_;
  std::vector<ZipMember> members_;  // by offset
  std::unordered_map<std::string_view, size_t> by_name_;
  std::string prefix_;  // the folder in the zip file that has data.pkl, with its slash
  std::optional<Pickle> pickle_;
  std::vector<TorchTensor> tensors_;
  std::vector<size_t> storages_;                 // the members that tensors lie in, by offset
  std::unordered_map<size_t, int64_t> offsets_;  // of their data
  std::vector<TensorEntry> entries_;
};

}  // namespace beit
