// Times the matrix products of base-224 alone, in turn with XNNPACK's: a round runs each once on each
// shape, for as many rounds as the first argument says. Prints a line of JSON for each product and contestant with
// the rate of every round in GFLOP/s (for int8: of the same multiplications and additions), one thread.
// tools/bench-gemm.mjs runs it, in Node and in browsers.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#if defined(__EMSCRIPTEN__)
#include <emscripten.h>
#endif

#include "src/kernels/execution.h"
#include "src/kernels/gemm/f32.h"
#include "src/kernels/gemm/f32_microkernel.h"
#include "src/kernels/gemm/weight_matrix.h"
#include "tests/support/random.h"
#include "tests/support/xnnpack_format.h"

namespace {

using namespace beit;

#if defined(__EMSCRIPTEN__)
// The process's CPU time, since on a shared machine the time on the clock says little; a browser tells nothing else.
EM_JS(double, seconds, (), {
  if (typeof process == 'undefined') return performance.now() / 1e3;
  const usage = process.cpuUsage();
  return (usage.user + usage.system) / 1e6;
});
#else
double seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }
#endif

constexpr int64_t kRows = 197;
struct Layer {
  int64_t inputs, outputs;
};
constexpr Layer kLayers[] = {{768, 768}, {768, 2304}, {768, 3072}, {3072, 768}};

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "%s failed\n", what);
  std::exit(1);
}

template <typename T>
T orGiveUp(Result<T> result, const char* what) {
  if (!result.ok()) give_up(what);
  return std::move(result).value();
}

struct Contestant {
  const char* name;
  std::function<void()> run;
  std::vector<double> rates;
};

void race(const Layer& layer, int rounds, const Execution& usual, const Execution& tall) {
  const auto in = static_cast<size_t>(layer.inputs), out = static_cast<size_t>(layer.outputs);
  test::Random random(1);
  const auto values = [&](size_t count) { return orGiveUp(FloatBuffer::copyOf(random.floats(count, -1.0f, 1.0f), "values"), "memory"); };
  const FloatBuffer x = values(kRows * in), weight = values(out * in), bias = values(out);
  FloatBuffer y = values(kRows * out);

  // Rows are prepared within a run, as a layer does it.
  const auto product = [&](const MatrixFormat& format) {
    auto matrix = std::shared_ptr<WeightMatrix>(
        orGiveUp(format.pack(usual, layer.inputs, layer.outputs, weight.data(), bias.data(), 1.0f), "packing"));
    return [&, matrix](const Execution& execution) {
      matrix->multiply(execution, *orGiveUp(format.prepare(execution, kRows, layer.inputs, layer.outputs, x.data()), "preparing"),
                       y.data());
    };
  };
  const auto packed = orGiveUp(PackedMatrix::pack(usual, layer.inputs, layer.outputs, weight.data(), layer.inputs, bias.data()), "packing");
  const auto plain = [&](const Execution& execution) {
    packed.multiply(execution, kRows, x.data(), layer.inputs, y.data(), layer.outputs);
  };
  const auto own = product(formatOf(WeightType::kFloat32)), quantized = product(formatOf(WeightType::kInt8)),
             xnnpack = product(test::xnnpackFormat());
  std::vector<Contestant> contestants{{"XNNPACK f32", [&] { xnnpack(usual); }, {}}, {"f32, 4 rows", [&] { plain(usual); }, {}},
                                      {"f32, tall", [&] { plain(tall); }, {}},      {"Strassen, 4 rows", [&] { own(usual); }, {}},
                                      {"Strassen, tall", [&] { own(tall); }, {}},   {"int8", [&] { quantized(usual); }, {}}};
  const double operations = 2.0 * kRows * static_cast<double>(layer.inputs * layer.outputs);
  // Several runs a reading, for clocks that tick coarsely, but few: a reading within a turn of the scheduler is undisturbed.
  const int repeats = static_cast<int>(1e9 / operations) + 1;
  for (int round = -3; round < rounds; ++round)  // three to warm up: engines compile what runs often anew
    for (Contestant& contestant : contestants) {
      const double begin = seconds();
      for (int i = 0; i < repeats; ++i) contestant.run();
      if (round >= 0) contestant.rates.push_back(operations * repeats / (seconds() - begin) * 1e-9);
    }
  for (const Contestant& contestant : contestants) {
    std::printf("{\"product\": \"%d x %d x %d\", \"kernel\": \"%s\", \"rates\": [", static_cast<int>(kRows), static_cast<int>(layer.inputs),
                static_cast<int>(layer.outputs), contestant.name);
    for (size_t i = 0; i < contestant.rates.size(); ++i) std::printf("%s%.2f", i > 0 ? ", " : "", contestant.rates[i]);
    std::printf("]}\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 1;
  const auto usual = orGiveUp(Execution::create(1), "a thread"), tall = orGiveUp(Execution::create(1, {.f32_rows = kTallMr}), "a thread");
  for (const Layer& layer : kLayers) race(layer, std::max(rounds, 1), *usual, *tall);
  return 0;
}
