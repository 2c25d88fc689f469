// Emscripten's bind.h and val.h. Texts for JavaScript are copied into memory of malloc(), which is 0 where there is none
// (-sABORTING_MALLOC=0): here it throws std::bad_alloc then, and nothing is written to address 0. The other way round tools/glue.mjs sees
// to it.
#pragma once

#include <array>
#include <cassert>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

namespace beit::js {

inline void* mallocOrThrow(size_t size) {
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}

}  // namespace beit::js

#define malloc(size) beit::js::mallocOrThrow(size)
#include <emscripten/bind.h>
#undef malloc
