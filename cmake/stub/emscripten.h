// XNNPACK's gemm-config.c includes this header for one thing: on wasm without relaxed SIMD it asks the browser how many cores there are, and
// has above four for x86, else for Arm. This answer leaves the kernels for Arm out of the artefacts, and the question out of their JavaScript.
#define EM_JS(type, name, parameters, ...) \
  static type name parameters { return 8; }
