/**
 * The library, from the one place where this site keeps it: the package as npm would unpack it.
 * Everything else in the page imports it from here.
 */
export * from './beit-wasm/dist/index.js';
