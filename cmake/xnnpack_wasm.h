// Read before each of XNNPACK's files on wasm. It is named on the command line and shadows no other header, so that every build that was made
// without it, or is kept by ccache, is made anew: neither asks whether a header has come to stand before another.
#pragma once

#include <math.h>  // some kernels forget it

// gemm-config.c asks the browser how many cores there are, where there is no relaxed SIMD, and has above four for x86, else for Arm.
// This answer leaves the kernels for Arm out of the artefacts, and the question out of their JavaScript.
#include <emscripten/em_js.h>
#undef EM_JS
#define EM_JS(type, name, parameters, ...) \
  static type name parameters { return 8; }
