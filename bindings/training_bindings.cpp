// Registration only: what an artefact that trains exports besides, as web/core/training.ts declares it.

#include "bindings/training_handles.h"

EMSCRIPTEN_BINDINGS(beit_training) {
  using emscripten::class_;
  using emscripten::function;
  using namespace beit::js;

  function("createTrainer", &TrainerHandle::create);
  function("createGradients", &GradientsHandle::create);

  class_<TrainerHandle>("Trainer")
      .smart_ptr<std::shared_ptr<TrainerHandle>>("TrainerPointer")
      .function("tensors", &TrainerHandle::tensors)
      .function("supply", &TrainerHandle::supply)
      .function("finish", &TrainerHandle::finish)
      .function("order", &TrainerHandle::order)
      .function("estimate", &TrainerHandle::estimate)
      .function("startBatch", &TrainerHandle::startBatch)
      .function("addPicture", &TrainerHandle::addPicture)
      .function("addValues", &TrainerHandle::addValues)
      .function("addViews", &TrainerHandle::addViews)
      .function("hide", &TrainerHandle::hide)
      .function("maskSeed", &TrainerHandle::maskSeed)
      .function("mix", &TrainerHandle::mix)
      .function("begin", &TrainerHandle::begin)
      .function("frozenPass", &TrainerHandle::frozenPass)
      .function("applyStep", &TrainerHandle::applyStep)
      .function("read", &TrainerHandle::read)
      .function("exchangeAverage", &TrainerHandle::exchangeAverage)
      .function("states", &TrainerHandle::states)
      .function("readState", &TrainerHandle::readState)
      .function("supplyState", &TrainerHandle::supplyState)
      .function("steps", &TrainerHandle::steps)
      .function("setSteps", &TrainerHandle::setSteps);

  class_<GradientsHandle>("Gradients")
      .smart_ptr<std::shared_ptr<GradientsHandle>>("GradientsPointer")
      .function("tensors", &GradientsHandle::tensors)
      .function("supply", &GradientsHandle::supply)
      .function("finish", &GradientsHandle::finish)
      .function("begin", &GradientsHandle::begin)
      .function("gradient", &GradientsHandle::gradient);
}
