/** beit-wasm: BEiT in WebAssembly. This is the browser's entry, which the build makes one file of; Node's is node.ts. */
export * from './library.js';
export * from './teaching.js';
export * from './training.js';
