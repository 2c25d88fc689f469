// Registration only: what an artefact exports, as web/core/core.ts declares it.
#include <emscripten/heap.h>
#include <malloc.h>

#include "bindings/handles.h"
#include "bindings/js_values.h"

namespace {

using namespace beit::js;

val memory() {
  return guarded([] {
    val object = val::object();
    object.set("heap", static_cast<double>(emscripten_get_heap_size()));
    // These are ints that wrap above 2 GiB.
    const struct mallinfo use = mallinfo();
    object.set("used", static_cast<double>(static_cast<unsigned>(use.uordblks)));
    object.set("peak", static_cast<double>(static_cast<unsigned>(use.usmblks)));
    return success(object);
  });
}

}  // namespace

EMSCRIPTEN_BINDINGS(beit) {
  using emscripten::class_;
  using emscripten::function;

  function("start", &start);
  function("stop", &stop);
  function("timeThreads", &timeThreads);
  function("limitThreads", &limitThreads);
  function("memory", &memory);
  function("takeProfile", &takeProfile);
  function("postProcessSemanticSegmentation", &postProcessSemanticSegmentation);
  function("readConfig", &readConfig);
  function("decodeImage", &decode);
  function("readSafetensors", &readSafetensors);
  function("createImageProcessor", &ImageProcessorHandle::create);
  function("createCheckpoint", &CheckpointHandle::create);
  function("createModel", &ModelHandle::create);

  class_<ImageProcessorHandle>("ImageProcessor")
      .smart_ptr<std::shared_ptr<ImageProcessorHandle>>("ImageProcessorPointer")
      .function("config", &ImageProcessorHandle::config)
      .function("preprocess", &ImageProcessorHandle::preprocess)
      .function("preprocessFile", &ImageProcessorHandle::preprocessFile)
      .function("preprocessSegmentationMap", &ImageProcessorHandle::preprocessSegmentationMap);

  class_<CheckpointHandle>("Checkpoint")
      .smart_ptr<std::shared_ptr<CheckpointHandle>>("CheckpointPointer")
      .function("addFile", &CheckpointHandle::addFile)
      .function("addShardIndex", &CheckpointHandle::addShardIndex)
      .function("next", &CheckpointHandle::next)
      .function("supply", &CheckpointHandle::supply)
      .function("ended", &CheckpointHandle::ended)
      .function("tensors", &CheckpointHandle::tensors)
      .function("deriveConfig", &CheckpointHandle::deriveConfig);

  class_<ModelHandle>("Model")
      .smart_ptr<std::shared_ptr<ModelHandle>>("ModelPointer")
      .function("className", &ModelHandle::className)
      .function("replace", &ModelHandle::replace)
      .function("bind", &ModelHandle::bind)
      .function("inspect", &ModelHandle::inspect)
      .function("convert", &ModelHandle::convert)
      .function("finish", &ModelHandle::finish)
      .function("estimate", &ModelHandle::estimate)
      .function("begin", &ModelHandle::begin);

  class_<ConversionHandle>("Conversion")
      .smart_ptr<std::shared_ptr<ConversionHandle>>("ConversionPointer")
      .function("report", &ConversionHandle::report)
      .function("tensors", &ConversionHandle::tensors)
      .function("take", &ConversionHandle::take)
      .function("finish", &ConversionHandle::finish);

  class_<ForwardHandle>("Forward")
      .smart_ptr<std::shared_ptr<ForwardHandle>>("ForwardPointer")
      .function("step", &ForwardHandle::step)
      .function("stepsDone", &ForwardHandle::stepsDone)
      .function("stepsTotal", &ForwardHandle::stepsTotal)
      .function("outputs", &ForwardHandle::outputs);
}
