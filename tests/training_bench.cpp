// Time of a pass forward and of one forward and back, for tools/bench/training.py:
//   beit_training_bench base|small full|vectors|last:N BATCH THREADS FORWARD BOTH
// does so many passes of each, and prints pictures a second of the fastest and where the time went.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "src/kernels/gemm/f32_microkernel.h"
#include "src/training/training_model.h"

namespace {

using namespace beit;

BeitConfig configOf(const std::string& name) {
  BeitConfig config;
  config.use_relative_position_bias = true;
  config.num_labels = 16;
  if (name == "base") return config;
  config.hidden_size = 128;
  config.num_hidden_layers = 6;
  config.num_attention_heads = 4;
  config.intermediate_size = 512;
  config.image_size = {96, 96};
  config.patch_size = {8, 8};
  return config;
}

Result<TrainingInputs> inputsOf(const BeitConfig& config, int64_t batch) {
  TrainingInputs inputs;
  BEIT_ASSIGN(inputs.pixel_values,
              Tensor::allocate({batch, config.num_channels, config.image_size.height, config.image_size.width}, "pixel_values"));
  uint32_t random = 1;
  for (float& value : inputs.pixel_values.values.span())
    value = static_cast<float>((random = random * 1664525u + 1013904223u) >> 8) / 8388608.0f - 1.0f;
  inputs.labels = Labels{{batch}, std::vector<int32_t>(static_cast<size_t>(batch), 3)};
  return inputs;
}

// Returns the seconds of one pass.
Result<double> seconds(TrainingModel& model, int64_t batch, const GradientOptions& options) {
  BEIT_ASSIGN(TrainingInputs inputs, inputsOf(model.config(), batch));
  const auto begin = std::chrono::steady_clock::now();
  BEIT_ASSIGN(const auto pass, model.begin(std::move(inputs), options));
  for (bool done = false; !done;) {
    BEIT_ASSIGN(done, pass->step());
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

Status run(const std::string& name, const std::string& method, int64_t batch, int threads, int forward, int both) {
#if defined(__EMSCRIPTEN__)
  constexpr int64_t kRows = kMr;  // as Node 20's engine wants it
#else
  constexpr int64_t kRows = kTallMr;
#endif
  BEIT_ASSIGN(const auto execution, Execution::create(threads, {.f32_rows = kRows}));
  const BeitConfig config = configOf(name);
  BEIT_ASSIGN(const Trainable which, parseTrainable(method, config.num_hidden_layers));
  BEIT_ASSIGN(const auto model, TrainingModel::create(config, "BeitForImageClassification", which, *execution));
  uint32_t random = 7;
  std::vector<float> values;
  for (size_t i = 0; i < model->parameters().all().size(); ++i) {
    values.resize(static_cast<size_t>(*elementCount(model->parameters().all()[i].shape)));
    for (float& value : values) value = (static_cast<float>((random = random * 1664525u + 1013904223u) >> 8) / 8388608.0f - 1.0f) * 0.05f;
    BEIT_TRY(model->parameters().deliver(i, values));
  }
  for (const bool evaluate : {true, false}) {
    double best = 1e9, total = 0.0;
    execution->profile() = {};
    for (int passes = evaluate ? forward : both; passes > 0; --passes) {
      BEIT_ASSIGN(const double one, seconds(*model, batch, {.evaluate = evaluate}));
      total += one;
      best = std::min(best, one);
    }
    std::printf("%s %.4f pictures/s;", evaluate ? "forward" : "gradients", static_cast<double>(batch) / best);
    double all = 0.0;
    for (const auto& entry : execution->profile().entries) all += entry.seconds;
    for (size_t i = 0; i < kWorkKinds; ++i)
      if (const auto& entry = execution->profile().entries[i]; entry.calls > 0)
        std::printf(" %s %.1f %%", std::string(toString(static_cast<Work>(i))).c_str(), 100.0 * entry.seconds / total);
    std::printf(" rest %.1f %%\n", 100.0 * (total - all) / total);
  }
  const TrainingEstimate estimate = model->estimate(batch, config.image_size);
  std::printf("estimate: weights %.1f MB, gradients %.1f MB, activations %.1f MB\n", static_cast<double>(estimate.weights) / 1e6,
              static_cast<double>(estimate.gradients) / 1e6, static_cast<double>(estimate.activations) / 1e6);
  return {};
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 7) {
    std::fprintf(stderr, "usage: beit_training_bench base|small METHOD BATCH THREADS FORWARD BOTH\n");
    return 2;
  }
  const Status status =
      run(arguments[1], arguments[2], std::atoi(arguments[3]), std::atoi(arguments[4]), std::atoi(arguments[5]), std::atoi(arguments[6]));
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.error().message.c_str());
  return status.ok() ? 0 : 1;
}
