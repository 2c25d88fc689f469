/** What Node needs to run every artefact: before 22 it has relaxed SIMD behind a flag. */
export const nodeFlags = Number(process.versions.node.split('.')[0]) < 22 ? ['--experimental-wasm-relaxed-simd'] : [];
