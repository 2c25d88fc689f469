#include "bindings/training_handles.h"

#include "bindings/handles.h"
#include "bindings/js_values.h"

namespace beit::js {

namespace {

Result<TrainedParameter*> parameterOf(TrainingModel& model, const std::string& name) {
  for (TrainedParameter& parameter : model.trained())
    if (parameter.name == name) return &parameter;
  return failure(ErrorCode::kNotFound, name, "the model has no parameter of that name");
}

}  // namespace

Status supplyParameter(ParameterList& parameters, const std::string& name, uintptr_t pointer, double count) {
  Parameter* parameter = parameters.find(name);
  if (!parameter) return failure(ErrorCode::kNotFound, name, "the model has no parameter of that name");
  const int64_t wanted = elementCount(parameter->shape).value_or(0);
  if (count != static_cast<double>(wanted))
    return mismatch(ErrorCode::kWrongShape, name, std::to_string(static_cast<int64_t>(count)) + " values", toString(parameter->shape));
  const auto index = static_cast<size_t>(parameter - parameters.all().data());
  return parameters.deliver(index, {reinterpret_cast<float*>(pointer), static_cast<size_t>(wanted)});
}

val GradientsHandle::create(const std::string& config_json, const std::string& class_name) {
  return guarded([&]() -> val {
    if (!execution()) return failed(failure(ErrorCode::kInvalidArgument, "createGradients", "the module has not been started"));
    auto config = parseConfig(config_json);
    if (!config.ok()) return failed(config.error());
    return outcome(TrainingModel::create(std::move(config).value(), class_name, Trainable{}, *execution()),
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

val GradientsHandle::begin(val inputs) {
  return guarded([&]() -> val {
    auto converted = forwardInputs(inputs);
    if (!converted.ok()) return failed(converted.error());
    if (!converted->labels) return failed(failure(ErrorCode::kInvalidArgument, "labels", "without them there is no loss"));
    model_->clearGradients();
    return outcome(model_->begin(TrainingInputs{std::move(converted).value(), {}, {}}, {}), [&](std::unique_ptr<ForwardPass> pass) {
      return val(std::make_shared<ForwardHandle>(std::move(pass), shared_from_this()));
    });
  });
}

val GradientsHandle::gradient(const std::string& name) const {
  return guarded([&]() -> val {
    return outcome(parameterOf(*model_, name), [](const TrainedParameter* parameter) {
      val object = val::object();
      object.set("dims", toJs(parameter->shape));
      object.set("data", copyOut(parameter->gradient.data(), parameter->gradient.size()));
      return object;
    });
  });
}

}  // namespace beit::js
