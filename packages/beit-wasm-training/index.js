/**
 * Importing this tells beit-wasm, whichever copy of it there is, where the builds that train lie, and fetches nothing. Each address is
 * written out, since bundlers find what they must carry by this very form.
 */
export const training = {
  simd: {
    script: () => new URL('./beit-training-simd.js', import.meta.url),
    wasm: () => new URL('./beit-training-simd.wasm', import.meta.url),
  },
  'simd-threads': {
    script: () => new URL('./beit-training-threads.js', import.meta.url),
    wasm: () => new URL('./beit-training-simd-threads.wasm', import.meta.url),
  },
  'relaxed-threads': {
    script: () => new URL('./beit-training-threads.js', import.meta.url),
    wasm: () => new URL('./beit-training-relaxed-threads.wasm', import.meta.url),
  },
};

globalThis[Symbol.for('beit-wasm-training')] = training;
