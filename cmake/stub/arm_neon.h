// XNNPACK's f32-q[su]8-vcvt-wasmsimd kernels include this header though they use only wasm's
// intrinsics. First in the path, it keeps out Emscripten's NEON emulation, which fails to compile.
#include <wasm_simd128.h>
