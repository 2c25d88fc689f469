// Registration only: what an artefact that trains exports besides, as web/core/training.ts declares it.
#include <emscripten/bind.h>

#include "bindings/training_handles.h"

EMSCRIPTEN_BINDINGS(beit_training) {
  using emscripten::class_;
  using emscripten::function;
  using namespace beit::js;

  function("createGradients", &GradientsHandle::create);

  class_<GradientsHandle>("Gradients")
      .smart_ptr<std::shared_ptr<GradientsHandle>>("GradientsPointer")
      .function("tensors", &GradientsHandle::tensors)
      .function("supply", &GradientsHandle::supply)
      .function("finish", &GradientsHandle::finish)
      .function("begin", &GradientsHandle::begin)
      .function("gradient", &GradientsHandle::gradient);
}
