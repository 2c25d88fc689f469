// The module `teaching`: one function from features to a head. As decoder_module.cpp, it has no embind and no JavaScript of
// Emscripten's: web/core/plain-module.ts makes an instance for each fit, which goes with all of its memory, so nothing is given back here.
#include <cstdint>
#include <cstdlib>
#include <new>

#include "bindings/module_answer.h"
#include "src/teaching/ridge.h"

namespace {

// web/core/teaching.ts reads it in this order: numbers of 64 bits, then of 32.
struct Answer {
  double lambda = 0.0, temperature = 0.0, loss = 0.0;
  uint32_t ok = 0;
  const double *weight = nullptr, *bias = nullptr, *scores = nullptr;
  beit::ErrorTexts texts{};
};
static_assert(sizeof(void*) != 4 || sizeof(Answer) == 3 * 8 + 14 * 4);

Answer answer;
beit::RidgeFit made;
beit::Error error;

}  // namespace

extern "C" {

// Returns room for an argument of fit(), aligned for its numbers, or null.
[[clang::export_name("allocate")]] void* allocate(size_t size) { return std::malloc(size ? size : 1); }

// Fits a head to `count` examples; see RidgeExamples. `weights`: null where all count alike.
[[clang::export_name("fit")]] const Answer* fit(const float* features, const int32_t* labels, const int32_t* bursts, const float* weights,
                                                size_t count, size_t channels, size_t classes) {
  answer = {};
  try {
    auto result = beit::fitRidge({{features, count * channels},
                                  {labels, count},
                                  {bursts, count},
                                  static_cast<int64_t>(channels),
                                  static_cast<int64_t>(classes),
                                  {weights, weights ? count : 0}});
    if (result.ok()) {
      made = std::move(result).value();
      answer.ok = 1;
      answer.lambda = made.lambda;
      answer.temperature = made.temperature;
      answer.loss = made.loss;
      answer.weight = made.head.weight.data();
      answer.bias = made.head.bias.data();
      answer.scores = made.scores.data();
      return &answer;
    }
    error = std::move(result).error();
    answer.texts = beit::errorTexts(error);
  } catch (const std::bad_alloc&) {
    answer.texts.code = beit::moduleText("out-of-memory");
    answer.texts.message = beit::moduleText("Examples to fit a head to: no memory for their matrices.");
    answer.texts.where = beit::moduleText("Examples to fit a head to");
  }
  return &answer;
}

}  // extern "C"
