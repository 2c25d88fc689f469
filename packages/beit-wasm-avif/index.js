/** Importing this tells beit-wasm, whichever copy of it there is, where the decoder of AVIF lies, and fetches nothing. */
export const avif = { wasm: () => new URL('./beit-avif.wasm', import.meta.url) };

globalThis[Symbol.for('beit-wasm-avif')] = avif;
