/**
 * The files that the package carries beside its modules. Each address is written out, since bundlers find what they must carry
 * by this very form, and as a function, since not every module has an address to begin from: to import this throws nothing
 * and fetches nothing. Only the page and Node ask here; a worker is told. This file stays in the top folder: index.js,
 * into which the build puts it, lies there, too.
 */
import { failure } from './base/errors.js';
import type { Build } from './core/capabilities.js';
import type { ArtefactFiles } from './core/core.js';

/** By their paths below the package's folder dist/. */
const FILES = {
  'worker.js': () => new URL('./worker.js', import.meta.url),
  'wasm/beit-simd.js': () => new URL('./wasm/beit-simd.js', import.meta.url),
  'wasm/beit-simd.wasm': () => new URL('./wasm/beit-simd.wasm', import.meta.url),
  'wasm/beit-simd-threads.js': () => new URL('./wasm/beit-simd-threads.js', import.meta.url),
  'wasm/beit-simd-threads.wasm': () => new URL('./wasm/beit-simd-threads.wasm', import.meta.url),
  'wasm/beit-relaxed-threads.js': () => new URL('./wasm/beit-relaxed-threads.js', import.meta.url),
  'wasm/beit-relaxed-threads.wasm': () => new URL('./wasm/beit-relaxed-threads.wasm', import.meta.url),
  'gpu.js': () => new URL('./gpu.js', import.meta.url),
  'wasm/beit-codecs.wasm': () => new URL('./wasm/beit-codecs.wasm', import.meta.url),
  'wasm/beit-teaching.wasm': () => new URL('./wasm/beit-teaching.wasm', import.meta.url),
};

export type AssetName = keyof typeof FILES;

/** Every file's path below dist/. */
export const ASSETS = Object.keys(FILES) as AssetName[];

/** Returns a file's address: in `folder` (with a final slash), a copy of dist/, or where the package or the bundler has it. */
export function addressOf(name: AssetName, folder?: string): string {
  if (folder !== undefined) return new URL(name, folder).href;
  try {
    return absolute(FILES[name]());
  } catch (error) {
    throw failure(
      'unsupported',
      `beit-wasm's file ${name}`,
      'its address is not known, since this bundle is no ES module (it has no import.meta.url): ' +
        "make it one, name a copy of the package's folder dist by the option assets, or, in a bundle for Node, leave beit-wasm external",
      error,
    );
  }
}

/** Returns a file's address with its origin, which Turbopack's URLs in a page do not have. */
export function absolute(url: URL): string {
  return new URL(url.href, globalThis.document?.baseURI ?? globalThis.location?.href).href;
}

/** Returns the addresses of a build's two files. */
export function artefactFiles(build: Build, folder?: string): ArtefactFiles {
  return { script: addressOf(`wasm/beit-${build}.js`, folder), wasm: addressOf(`wasm/beit-${build}.wasm`, folder) };
}
