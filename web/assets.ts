/**
 * The files that the package carries beside its modules, by where they lie. Written out, since bundlers find what they must
 * carry by this very form; as functions, since not every module has an address to begin from. This file stays in the
 * top folder: index.js and worker.js, into which the build puts it, lie there, too.
 */

export interface ArtefactFiles {
  script: () => URL;
  wasm: () => URL;
}

/** Each build of the core. */
export const ARTEFACTS = {
  'simd': {
    script: () => new URL('./wasm/beit-simd.js', import.meta.url),
    wasm: () => new URL('./wasm/beit-simd.wasm', import.meta.url),
  },
  'simd-threads': {
    script: () => new URL('./wasm/beit-simd-threads.js', import.meta.url),
    wasm: () => new URL('./wasm/beit-simd-threads.wasm', import.meta.url),
  },
  'relaxed-threads': {
    script: () => new URL('./wasm/beit-relaxed-threads.js', import.meta.url),
    wasm: () => new URL('./wasm/beit-relaxed-threads.wasm', import.meta.url),
  },
} satisfies Record<string, ArtefactFiles>;

/** The files of each checkpoint that ships with the package. */
export const EMBEDDED = {
  classifier: () => ({
    'config.json': new URL('../weights/embedded/classifier/config.json', import.meta.url).href,
    'preprocessor_config.json': new URL('../weights/embedded/classifier/preprocessor_config.json', import.meta.url).href,
    'model.safetensors': new URL('../weights/embedded/classifier/model.safetensors', import.meta.url).href,
  }),
  segmentation: () => ({
    'config.json': new URL('../weights/embedded/segmentation/config.json', import.meta.url).href,
    'preprocessor_config.json': new URL('../weights/embedded/segmentation/preprocessor_config.json', import.meta.url).href,
    'model.safetensors': new URL('../weights/embedded/segmentation/model.safetensors', import.meta.url).href,
  }),
} satisfies Record<string, () => Record<string, string>>;

/** Starts the worker that has an engine. */
export function startEngineWorker(): Worker {
  return new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'beit' });
}
