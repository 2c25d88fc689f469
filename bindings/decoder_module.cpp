// A module of decoders, `codecs` or `avif`: one function from the bytes of a file to samples. No embind and no JavaScript of
// Emscripten's: web/core/plain-module.ts makes an instance for each file, which goes with all of its memory, so nothing is given back here.
#include <cstdint>
#include <cstdlib>
#include <new>
#include <span>

#include "bindings/module_answer.h"
#include BEIT_DECODER_HEADER

namespace {

// web/core/decoders.ts reads it as numbers of 32 bits, in this order.
struct Answer {
  uint32_t ok = 0;
  uint32_t width = 0, height = 0, channels = 0;
  const uint8_t* data = nullptr;
  beit::ErrorTexts texts{};
};
static_assert(sizeof(void*) != 4 || sizeof(Answer) == 15 * 4);

Answer answer;
beit::Image8 image;
beit::Error error;

}  // namespace

extern "C" {

// Returns room for a file, or null.
[[clang::export_name("allocate")]] void* allocate(size_t size) { return std::malloc(size ? size : 1); }

// Decodes a file that lies in such room.
[[clang::export_name("decode")]] const Answer* decode(const uint8_t* file, size_t size) {
  answer = {};
  try {
    auto result = beit::BEIT_DECODER::decode({file, size});
    if (result.ok()) {
      image = std::move(result).value();
      answer.ok = 1;
      answer.width = static_cast<uint32_t>(image.width);
      answer.height = static_cast<uint32_t>(image.height);
      answer.channels = static_cast<uint32_t>(image.channels);
      answer.data = image.data.data();
      return &answer;
    }
    error = std::move(result).error();
    answer.texts = beit::errorTexts(error);
  } catch (const std::bad_alloc&) {
    answer.texts.code = beit::moduleText("out-of-memory");
    answer.texts.message = beit::moduleText("image: no memory to decode this file.");
    answer.texts.where = beit::moduleText("image");
  }
  return &answer;
}

}  // extern "C"
