#include "bindings/training_handles.h"

#include <algorithm>
#include <span>

#include "bindings/handles.h"
#include "bindings/js_values.h"
#include "weights/reading/element_convert.h"

namespace beit::js {

namespace {

Result<TrainedParameter*> parameterOf(TrainingModel& model, const std::string& name) {
  for (TrainedParameter& parameter : model.trained())
    if (parameter.name == name) return &parameter;
  return failure(ErrorCode::kNotFound, name, "the model has no parameter of that name");
}

val tensorToJs(const Shape& shape, std::span<const float> values) {
  val object = val::object();
  object.set("dims", toJs(shape));
  object.set("data", copyOut(values.data(), values.size()));
  return object;
}

Status checkCount(const std::string& name, const Shape& shape, double count) {
  if (count == static_cast<double>(elementCount(shape).value_or(-1))) return {};
  return mismatch(ErrorCode::kWrongShape, name, std::to_string(static_cast<int64_t>(count)) + " values", toString(shape));
}

std::span<float> heapFloats(uintptr_t pointer, double count) { return {reinterpret_cast<float*>(pointer), static_cast<size_t>(count)}; }

// Hands the parameter of that name `count` floats. Errors: kNotFound, kWrongShape.
Status supplyParameter(ParameterList& parameters, const std::string& name, uintptr_t pointer, double count) {
  Parameter* parameter = parameters.find(name);
  if (!parameter) return failure(ErrorCode::kNotFound, name, "the model has no parameter of that name");
  BEIT_TRY(checkCount(name, parameter->shape, count));
  return parameters.deliver(static_cast<size_t>(parameter - parameters.all().data()), heapFloats(pointer, count));
}

}  // namespace

val GradientsHandle::create(const std::string& config_json, const std::string& class_name) {
  return guarded([&]() -> val {
    if (!execution()) return failed(failure(ErrorCode::kInvalidArgument, "createGradients", "the module has not been started"));
    auto config = parseConfig(config_json);
    if (!config.ok()) return failed(config.error());
    return outcome(
        TrainingModel::create(std::move(config).value(), class_name, Trainable{}, *execution()),
        [](std::unique_ptr<TrainingModel> model) { return val(std::make_shared<GradientsHandle>(std::move(model), execution())); });
  });
}

val GradientsHandle::tensors() const {
  return guarded([&] {
    val array = val::array();
    unsigned count = 0;
    for (const TrainedParameter& parameter : model_->trained()) {
      val object = val::object();
      object.set("name", parameter.name);
      object.set("shape", toJs(parameter.shape));
      array.set(count++, object);
    }
    return success(array);
  });
}

val GradientsHandle::supply(const std::string& name, uintptr_t pointer, double count) {
  return guarded([&] { return outcome(supplyParameter(model_->parameters(), name, pointer, count)); });
}

val GradientsHandle::finish() const {
  return guarded([&] { return outcome(model_->parameters().complete()); });
}

val GradientsHandle::begin(val inputs, val branch_scale) {
  return guarded([&]() -> val {
    auto converted = forwardInputs(inputs);
    if (!converted.ok()) return failed(converted.error());
    TrainingInputs given{std::move(converted).value(), {}, {}};
    if (!branch_scale.isNull()) {
      auto factors = tensorFromJs(branch_scale, "branch_scale");
      if (!factors.ok()) return failed(factors.error());
      const std::span<float> values = factors->values.span();
      given.branch_scale.assign(values.begin(), values.end());
    }
    model_->clearGradients();
    return outcome(model_->begin(std::move(given), {}), [&](std::unique_ptr<ForwardPass> pass) {
      return val(std::make_shared<ForwardHandle>(std::move(pass), shared_from_this()));
    });
  });
}

val GradientsHandle::gradient(const std::string& name) const {
  return guarded([&]() -> val {
    return outcome(parameterOf(*model_, name),
                   [](TrainedParameter* parameter) { return tensorToJs(parameter->shape, parameter->gradient.span()); });
  });
}

val TrainerHandle::create(const std::string& config_json, const std::string& processor_json, const std::string& settings_json) {
  return guarded([&]() -> val {
    if (!execution()) return failed(failure(ErrorCode::kInvalidArgument, "createTrainer", "the module has not been started"));
    return outcome(TrainingRun::create(config_json, processor_json, settings_json, *execution()),
                   [](std::unique_ptr<TrainingRun> run) { return val(std::make_shared<TrainerHandle>(std::move(run), execution())); });
  });
}

val TrainerHandle::tensors() const {
  return guarded([&] {
    val array = val::array();
    unsigned count = 0;
    for (const TrainedParameter& parameter : run_->model().trained()) {
      val object = val::object();
      object.set("name", parameter.name);
      object.set("shape", toJs(parameter.shape));
      object.set("trained", parameter.trained);
      array.set(count++, object);
    }
    return success(array);
  });
}

val TrainerHandle::supply(const std::string& name, uintptr_t pointer, double count) {
  return guarded([&] { return outcome(run_->supply(name, heapFloats(pointer, count))); });
}

val TrainerHandle::order(double epoch, double count) const {
  return guarded([&] {
    return outcome(run_->order(toWhole(epoch), toWhole(count)),
                   [](const Buffer<int32_t>& order) { return copyOut(order.data(), order.size()); });
  });
}

val TrainerHandle::finish() {
  return guarded([&] { return outcome(run_->finish()); });
}

val TrainerHandle::estimate(double micro_batch, double batch) {
  return guarded([&] {
    const TrainingRun::Estimate estimate = run_->estimate(toWhole(micro_batch), toWhole(batch));
    val object = val::object();
    object.set("weights", static_cast<double>(estimate.weights));
    object.set("gradients", static_cast<double>(estimate.gradients));
    object.set("optimizer", static_cast<double>(estimate.optimizer));
    object.set("activations", static_cast<double>(estimate.activations));
    return success(object);
  });
}

val TrainerHandle::startBatch(double size, bool learn, bool states) {
  return guarded([&] { return outcome(run_->startBatch(toWhole(size), learn, states)); });
}

val TrainerHandle::addPicture(uintptr_t pointer, double width, double height, double channels, double label, double epoch, double picture) {
  return guarded([&] {
    return outcome(run_->addPicture(imageView(pointer, width, height, channels), toWhole(label), toWhole(epoch), toWhole(picture)));
  });
}

val TrainerHandle::addValues(uintptr_t pointer, double count, double label) {
  return guarded([&] { return outcome(run_->addValues(heapFloats(pointer, count), toWhole(label))); });
}

val TrainerHandle::addViews(uintptr_t pointer, double width, double height, double channels, double epoch, double picture) {
  return guarded([&] {
    return outcome(run_->addViews(imageView(pointer, width, height, channels), toWhole(epoch), toWhole(picture)),
                   [](const Tensor& tokenizers) { return toJs(tokenizers); });
  });
}

val TrainerHandle::hide(uintptr_t mask, uintptr_t tokens, double count) {
  return guarded([&] {
    const auto patches = static_cast<size_t>(count);
    return outcome(run_->hide({reinterpret_cast<const uint8_t*>(mask), patches}, {reinterpret_cast<const int32_t*>(tokens), patches}));
  });
}

double TrainerHandle::maskSeed(double epoch, double picture) const {
  return static_cast<double>(run_->maskSeed(toWhole(epoch), toWhole(picture)));
}

val TrainerHandle::mix() {
  return guarded([&] { return outcome(run_->mix()); });
}

val TrainerHandle::passOf(Result<std::unique_ptr<ForwardPass>> pass) {
  return outcome(std::move(pass), [&](std::unique_ptr<ForwardPass> begun) {
    return val(std::make_shared<ForwardHandle>(std::move(begun), shared_from_this()));
  });
}

val TrainerHandle::begin(double first, double count) {
  return guarded([&] { return passOf(run_->begin(toWhole(first), toWhole(count))); });
}

val TrainerHandle::frozenPass(double first, double count) {
  return guarded([&] { return passOf(run_->frozenPass(toWhole(first), toWhole(count))); });
}

val TrainerHandle::applyStep() {
  return guarded([&]() -> val {
    return outcome(run_->applyStep(), [](const TrainerStep& done) {
      val object = val::object();
      object.set("step", static_cast<double>(done.step));
      object.set("rate", done.rate);
      object.set("gradientNorm", done.gradient_norm);
      return object;
    });
  });
}

val TrainerHandle::read(const std::string& name, const std::string& dtype) const {
  return guarded([&]() -> val {
    const auto type = parseDType(dtype);
    if (!type || (*type != DType::kF32 && *type != DType::kF16))
      return failed(mismatch(ErrorCode::kUnsupported, name, "\"" + dtype + "\"", "F32 or F16"));
    const auto parameter = parameterOf(run_->model(), name);
    if (!parameter.ok()) return failed(parameter.error());
    const std::span<const float> values = (*parameter)->value.span();
    if (const Status held = checkHeldBy(*type, name, values); !held) return failed(held.error());
    std::vector<uint8_t> bytes(values.size() * (*type == DType::kF16 ? 2 : 4));
    encodeElements(*type, values, bytes.data());
    return success(copyOut(bytes.data(), bytes.size()));
  });
}

Result<Trainer*> TrainerHandle::trainer() const {
  if (Trainer* trainer = run_->trainer()) return trainer;
  return failure(ErrorCode::kMissingTensor, "training", "the model has not got its weights yet");
}

Result<TrainerState> TrainerHandle::state(const std::string& name) const {
  BEIT_ASSIGN(Trainer * trainer, this->trainer());
  for (TrainerState& each : trainer->states())
    if (each.name == name) return std::move(each);
  return failure(ErrorCode::kNotFound, name, "the optimiser has nothing of that name");
}

val TrainerHandle::exchangeAverage() {
  return guarded([&]() -> val {
    return outcome(trainer(), [](Trainer* trainer) {
      trainer->exchangeAverage();
      return val::null();
    });
  });
}

val TrainerHandle::states() const {
  return guarded([&]() -> val {
    return outcome(trainer(), [](Trainer* trainer) {
      val array = val::array();
      unsigned count = 0;
      for (const TrainerState& each : trainer->states()) {
        val object = val::object();
        object.set("name", each.name);
        object.set("shape", toJs(each.shape));
        array.set(count++, object);
      }
      return array;
    });
  });
}

val TrainerHandle::readState(const std::string& name) const {
  return guarded(
      [&]() -> val { return outcome(state(name), [](const TrainerState& found) { return tensorToJs(found.shape, found.values); }); });
}

val TrainerHandle::supplyState(const std::string& name, uintptr_t pointer, double count) {
  return guarded([&]() -> val {
    const auto found = state(name);
    if (!found.ok()) return failed(found.error());
    if (const Status status = checkCount(name, found->shape, count); !status) return failed(status.error());
    const std::span<float> given = heapFloats(pointer, count);
    std::copy(given.begin(), given.end(), found->values.begin());
    return success();
  });
}

double TrainerHandle::steps() const {
  const Trainer* trainer = run_->trainer();
  return trainer ? static_cast<double>(trainer->steps()) : 0.0;
}

val TrainerHandle::setSteps(double steps) {
  return guarded([&]() -> val {
    return outcome(trainer(), [&](Trainer* trainer) {
      trainer->setSteps(toWhole(steps));
      return val::null();
    });
  });
}

}  // namespace beit::js
