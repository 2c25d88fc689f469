/** beit-wasm for Node: the same names as index.ts. Where node: modules are found, `#platform` has paths as sources and as images. */
export * from './library.js';
export * from './teaching.js';
export * from './training.js';
