/**
 * The files that the package carries beside its modules, by their paths below its folder dist/. Each address is written out, since bundlers
 * find what they must carry by this very form, and as a function, since not every module has an address to begin from: to import this throws
 * nothing and fetches nothing. This file lies in the top folder as written and as built.
 */
export const FILES = {
  'engine.js': () => new URL('./engine.js', import.meta.url),
  'wasm/beit-simd.js': () => new URL('./wasm/beit-simd.js', import.meta.url),
  'wasm/beit-simd.wasm': () => new URL('./wasm/beit-simd.wasm', import.meta.url),
  'wasm/beit-threads.js': () => new URL('./wasm/beit-threads.js', import.meta.url),
  'wasm/beit-simd-threads.wasm': () => new URL('./wasm/beit-simd-threads.wasm', import.meta.url),
  'wasm/beit-relaxed-threads.wasm': () => new URL('./wasm/beit-relaxed-threads.wasm', import.meta.url),
  'gpu.js': () => new URL('./gpu.js', import.meta.url),
  'gpu-extras.js': () => new URL('./gpu-extras.js', import.meta.url),
  'gpu-tokenizer.js': () => new URL('./gpu-tokenizer.js', import.meta.url),
  'wasm/beit-codecs.wasm': () => new URL('./wasm/beit-codecs.wasm', import.meta.url),
  'wasm/beit-teaching.wasm': () => new URL('./wasm/beit-teaching.wasm', import.meta.url),
};
