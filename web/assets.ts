/** Where the package's files are. Only the page and Node ask here; a worker is told. */
import { failure } from './base/errors.js';
import { scriptOf, type Build } from './core/capabilities.js';
import type { ArtefactFiles } from './core/core.js';
import { FILES } from './files.js';

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
      'its address is not known, since this bundle is no ES module (it has no import.meta.url), or made by Parcel: ' +
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
  return { script: addressOf(`wasm/beit-${scriptOf(build)}.js`, folder), wasm: addressOf(`wasm/beit-${build}.wasm`, folder) };
}
