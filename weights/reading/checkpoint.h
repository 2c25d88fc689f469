// A checkpoint, read in two stages: index, then fill. It asks for bytes and is given them, in pieces
// of any size, so that the same code serves files, streams and range requests; it holds one tensor
// at a time; a matrix that is stored quantised, too, where its scales come behind it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "src/base/buffer.h"
#include "src/base/result.h"
#include "src/parameters/parameters.h"
#include "weights/reading/compressed_tensors.h"
#include "weights/reading/containers/container.h"
#include "weights/reading/names/naming.h"
#include "weights/reading/tensor_index.h"
#include "weights/reading/tensor_layout.h"

namespace beit {

// How a checkpoint's tensors fit a model's parameters.
struct BindReport {
  std::string dialect;                  // the naming that was detected, and what stood before every name
  std::string container;                // such as "safetensors"
  std::string averaged;                 // what averaged weights are called that were taken though plain ones lie beside them
  std::vector<std::string> missing;     // parameters without a tensor, in the project's names
  std::vector<std::string> wrong;       // tensors that do not fit, each a sentence's part with both shapes
  bool left_out = false;                // whether a tensor of the body is unexpected: the config turns off what it is for
  bool wrong_type = false;              // whether an element type is among what is wrong
  std::vector<std::string> unexpected;  // tensors without a parameter, in the file's names
  std::vector<std::string> skipped;     // dead tensors, and those in place of which others are given, in the file's names
  int64_t fill_bytes = 0;               // what the fill stage will read
};

class Checkpoint {
 public:
  // A range of a file that is wanted next.
  struct Read {
    std::string file;
    int64_t offset = 0, length = 0;
  };

  // Adds a file, by the name that read requests will use; `size` in bytes or, when it is not known
  // (a stream), nothing. Errors: kInvalidArgument for a name that was added before.
  Status addFile(std::string name, std::optional<int64_t> size);

  // Returns what is wanted next, or nothing when this stage is complete: the index before bind(),
  // the weights after it. Ranges of one file come with rising offsets.
  // Asked again before all of a range was supplied, it returns the rest.
  std::optional<Read> next();

  // Takes the next bytes of what next() wants, at most that many. An error leaves the checkpoint in
  // a state in which it wants nothing more. Errors: those of the container's reader and of the
  // parameters' receivers.
  Status supply(std::span<const uint8_t> bytes);

  // To be called when a source ends before what next() wants. Returns the error, kTruncated.
  Status ended();

  // All tensors; complete when the index stage is. Names then lack what stood before each of them.
  const std::vector<TensorEntry>& entries() const { return entries_; }
  const std::string& fileName(size_t file) const { return files_[file].name; }

  // Returns how the tensors fit the parameters. Errors: kUnsupported for names of no known family,
  // kInvalidArgument before the index is complete.
  Result<BindReport> inspect(ParameterList& parameters) const;

  // The same, and starts the fill stage, which hands each parameter its values; `parameters` must
  // outlive it. Another call starts anew, for other parameters. Errors, besides inspect()'s:
  // kMissingTensor, kWrongType, kWrongShape, with every name; kInvalidArgument for parameters that
  // have been filled before, and after a failed read.
  Result<BindReport> bind(ParameterList& parameters);

 private:
  struct File {
    std::string name;
    std::optional<int64_t> size;
    std::vector<uint8_t> first;                // as many bytes as tell the container
    std::unique_ptr<ContainerIndexer> reader;  // once they do
  };
  // A share of a tensor on its way to its parameter.
  struct Delivery {
    size_t parameter = 0;
    ParameterShare target;
  };
  // One tensor on its way to its parameters.
  struct Route {
    size_t entry = 0;
    std::vector<Delivery> deliveries;
    const TensorEntry* scales = nullptr;  // of a matrix that is stored quantised
  };
  // A matrix that is stored quantised, from when the first of both has come until the other has.
  struct StoredMatrix {
    std::vector<float> scales;
    Buffer<int8_t> values;
  };

  Result<BindReport> match(ParameterList& parameters, std::vector<Route>* routes) const;
  // Returns the deliveries of a tensor to the parameters that its name stands for, none if there are
  // none.
  static std::vector<Delivery> deliveriesOf(Dialect dialect, std::string_view tensor, ParameterList& parameters);
  // Adds what is wrong, or unexpected, of scales that belong to no quantised matrix. `used` are those that do.
  void reportStrayScales(Dialect dialect, ParameterList& parameters, const ScaleIndex& scales, const std::vector<bool>& used,
                         BindReport& report) const;
  // Returns the floats of staging memory that a tensor takes.
  int64_t stagedFloats(const Route& route, const ParameterList& parameters) const;
  // Returns what the file that is being indexed wants, or nothing when its index is complete.
  std::optional<ByteRange> wantedIndex() const;
  Status supplyIndex(std::span<const uint8_t> bytes);
  Status giveIndex(std::span<const uint8_t> bytes);
  Status supplyWeights(std::span<const uint8_t> bytes);
  // Makes ready for the tensor that is filled next.
  void beginTensor();
  // Converts elements of the tensor being filled; `bytes` are its next ones.
  Status fill(const TensorEntry& entry, std::span<const uint8_t> bytes);
  // The same for whole elements.
  void place(DType dtype, std::span<const uint8_t> bytes);
  Status finishTensor();
  // The same for one of the two tensors of a matrix that is stored quantised; `matrix` is the other's, too.
  Status finishStored(const Route& route, StoredMatrix& matrix);
  // Hands the integers at the beginning of the staging memory to their parameters.
  Status deliverStored(const Route& route, std::span<const float> scales);
  void drop();  // what is held of tensors
  const TensorEntry& entryOf(size_t route) const { return entries_[routes_[route].entry]; }

  std::vector<File> files_;
  size_t indexing_ = 0;  // the file whose header is being read
  // What is left of the range that was asked for last, in the index stage. A reader may find on its way
  // that it does not need all of it (it skips elements): what it does not want is dropped as it comes.
  std::optional<ByteRange> asked_;
  std::vector<TensorEntry> entries_;
  std::string prefix_;  // that was taken off their names
  bool failed_ = false;

  ParameterList* parameters_ = nullptr;                          // set by bind()
  std::vector<Route> routes_;                                    // by file and offset; scales have one of their own
  std::unordered_map<const TensorEntry*, StoredMatrix> stored_;  // by the entry of the scales
  size_t route_ = 0;                                             // the tensor that is being filled, or waited for
  int64_t position_ = 0;                                         // of the next byte, in that tensor's file
  FloatBuffer staging_;                                          // as large as the largest tensor
  FloatBuffer gathered_;                                         // as large as the largest view whose elements are picked from staging_
  std::optional<AxisScatter> scatter_;                           // where the elements go, if not one after the other
  int64_t filled_ = 0;                                           // floats in it of the tensor being filled
  std::vector<uint8_t> split_;                                   // the first bytes of an element that the last piece cut
};

}  // namespace beit
