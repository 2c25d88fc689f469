/**
 * The decoder of AVIF is a package of its own, beit-wasm-avif, which tells where it lies when it is imported: by the global symbol,
 * so that neither package has to find the other.
 */
const REGISTRY = Symbol.for('beit-wasm-avif');

/** Returns the address of the module, or undefined where the package has not been imported. */
export function findAvif(): URL | undefined {
  return (globalThis as { [REGISTRY]?: { wasm(): URL } })[REGISTRY]?.wasm();
}
