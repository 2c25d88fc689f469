// The objects that JavaScript holds, each with delete(). A handle keeps alive what it depends on, so
// that no order of deletions leaves one pointing at freed memory.
#pragma once

#include "bindings/emscripten_bind.h"

#include <memory>
#include <span>
#include <string>

#include "src/image/image_processor.h"
#include "src/kernels/execution.h"
#include "src/model/forward.h"
#include "src/model/model.h"
#include "weights/reading/checkpoint.h"
#include "weights/reading/conversion.h"

namespace beit::js {

using emscripten::val;

// Starts XNNPACK and the module's thread pool. stop() gives the pool up: its threads end when the last
// model that uses it is deleted, and start() may be called again. `tall_tiles`: see src/kernels/gemm/f32_microkernel.h.
val start(int threads, bool tall_tiles);
void stop();
// What the module computes on: wasm threads are a resource of the whole instance. Null before start().
std::shared_ptr<Execution>& execution();
// What lies in the linear memory for a call.
std::span<const uint8_t> heapBytes(uintptr_t pointer, double length);
// The caller has staged width * height * channels bytes at `pointer`.
ImageView8 imageView(uintptr_t pointer, double width, double height, double channels);
// Returns a number of JavaScript as a whole one, or -1 for what is none that can be counted.
int64_t toWhole(double number);
// See src/kernels/thread_trial.h and ThreadPool::limit(); `threads` is from 1 to what start() was given. Value: milliseconds.
val timeThreads(int threads);
void limitThreads(int threads);

// Returns what the pool has done since the last call: {linear: {seconds, operations, calls}, …}.
val takeProfile();

class ForwardHandle;
class CheckpointHandle;
class ConversionHandle;

class ModelHandle : public std::enable_shared_from_this<ModelHandle> {
 public:
  ModelHandle(std::unique_ptr<Model> model, std::shared_ptr<const Execution> execution)
      : execution_(std::move(execution)), model_(std::move(model)) {}
  static val create(const std::string& config_json, const std::string& class_name, val options);

  std::string className() const { return model_->className(); }
  val replace(const std::string& name, val tensor);
  val bind(CheckpointHandle& checkpoint);
  val inspect(const CheckpointHandle& checkpoint);
  val convert(CheckpointHandle& checkpoint, const std::string& class_name, const std::string& dtype);
  val finish() const;
  val estimate();
  val begin(val inputs, val options);

 private:
  std::shared_ptr<const Execution> execution_;
  std::unique_ptr<Model> model_;
  std::vector<NamedTensor> replaced_;  // for convert()
};

class CheckpointHandle {
 public:
  static val create();

  val addFile(const std::string& name, double size);
  val addShardIndex(const std::string& json);
  val next();
  val supply(uintptr_t pointer, double length);
  val ended();
  val tensors() const;
  val deriveConfig() const;

 private:
  friend class ModelHandle;
  Checkpoint checkpoint_;
  std::shared_ptr<void> bound_;  // whose parameters are being filled
};

class ConversionHandle {
 public:
  ConversionHandle(std::shared_ptr<Conversion> conversion, BindReport report)
      : conversion_(std::move(conversion)), report_(std::move(report)) {}

  val report() const;
  // [{name, shape, dtype}]
  val tensors() const;
  // [{tensor, data: Uint8Array}]
  val take();
  val finish() const;

 private:
  std::shared_ptr<Conversion> conversion_;
  BindReport report_;
};

class ForwardHandle {
 public:
  // `model` is kept for as long as the pass.
  ForwardHandle(std::unique_ptr<ForwardPass> pass, std::shared_ptr<void> model) : model_(std::move(model)), pass_(std::move(pass)) {}

  val step();
  double stepsDone() const { return static_cast<double>(pass_->stepsDone()); }
  double stepsTotal() const { return static_cast<double>(pass_->stepsTotal()); }
  val outputs() const;

 private:
  std::shared_ptr<void> model_;
  std::unique_ptr<ForwardPass> pass_;
};

class ImageProcessorHandle {
 public:
  explicit ImageProcessorHandle(BeitImageProcessor processor) : processor_(std::move(processor)) {}
  static val create(const std::string& json);

  val config() const;
  val preprocess(uintptr_t pointer, double width, double height, double channels) const;
  val preprocessFile(uintptr_t pointer, double length) const;
  val preprocessSegmentationMap(uintptr_t pointer, double width, double height) const;

 private:
  BeitImageProcessor processor_;
};

// logits: {dims: [1, L, h, w] or [L, h, w], data}; height and width 0: the logits' own. palette: Uint32Array (L), or null.
val postProcessSemanticSegmentation(val logits, double height, double width, bool with_scores, val palette);
val readConfig(const std::string& json);
val decode(uintptr_t pointer, double length);
val readSafetensors(uintptr_t pointer, double length);

}  // namespace beit::js
