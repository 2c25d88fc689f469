/**
 * beit-wasm for service workers, such as an extension's background: there import() is forbidden, so
 * the single-threaded core comes with the library. The rest is the same.
 */
import { provideArtefact } from './core/artefacts.js';
import createCore from './wasm/beit-simd.js';

provideArtefact('simd', createCore);

export * from './library.js';
export * from './teaching.js';
