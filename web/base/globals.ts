/**
 * The instances of a global class, or never where the user's TypeScript does not know it: a name of the browser in a public type
 * would else be an error in a project without DOM's library, or, with skipLibCheck, turn the type into any.
 */
export type FromGlobal<Name extends string> = typeof globalThis extends { [P in Name]: { prototype: infer Instance } } ? Instance : never;

/** WebAssembly.Module, which is a name in a namespace. */
export type WasmModule = typeof globalThis extends { WebAssembly: { Module: { prototype: infer T } } } ? T : never;
