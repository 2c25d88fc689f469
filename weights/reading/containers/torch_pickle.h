// The tensors that a PyTorch pickle describes: a state dict, alone or in a training checkpoint, or a
// whole module. Only descriptions: the elements lie in storages outside of the pickle.
// Reference: torch/_utils.py (_rebuild_*), torch/serialization.py (persistent ids).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/tensor.h"
#include "weights/reading/containers/pickle.h"
#include "weights/reading/tensor_index.h"

namespace beit {

// Returns whether a checkpoint may name that class or function: what rebuilds tensors, what plain
// arguments of a training run consist of, and the classes of modules, which become inert objects.
bool isTorchGlobal(std::string_view global);

// A block of elements outside of the pickle.
struct TorchStorage {
  std::string_view key;  // in the pickle
  DType dtype = DType::kF32;
  int64_t element = 0;          // bytes of one
  std::string_view other_type;  // as in TensorEntry
  int64_t count = 0;            // of all elements
  // A part of it that tensors are counted in (checkpoints before 2017); otherwise all of it.
  int64_t view_offset = 0, view_count = 0;

  int64_t bytes() const { return count * element; }
};

// Returns what a persistent value says of a storage. Errors: kMalformed, kUnsupported for a kind of
// storage that is not read.
Result<TorchStorage> readTorchStorage(PickleValue persistent, const std::string& where);

struct TorchTensor {
  std::string name;
  TorchStorage storage;
  Shape shape;
  std::vector<int64_t> strides;  // empty when row-major
  int64_t offset = 0;            // of the first element in the storage
  int64_t count = 0;             // of elements from the first to the last, which lie in the storage
};

// Returns the row of a tensor whose storage begins at `offset` of file number `file`.
TensorEntry entryOf(TorchTensor tensor, size_t file, int64_t offset);

// Returns all tensors, those of a dict before those of dicts in it. Training checkpoints are unwrapped, whatever
// lies beside the weights; of averaged weights and plain ones the averaged count, as for timm, whose name `averaged`
// is then set to. Names of nested dicts and modules are joined by dots. Errors: kMalformed for a tensor that does not lie inside its
// storage or names that are no text; kUnsupported for views whose elements repeat, and for more than a million names.
Result<std::vector<TorchTensor>> readTorchTensors(const Pickle& pickle, const std::string& where, std::string* averaged = nullptr);

}  // namespace beit
