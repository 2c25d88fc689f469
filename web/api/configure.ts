/** Options for a whole page or process, and which files of the package they lead to. */
import { platform } from '#platform';
import { BeitError, kindOf, shown } from '../base/errors.js';
import type { WasmModule } from '../base/globals.js';
import { givenOptions } from '../base/options.js';
import type { BuildRequest } from '../core/capabilities.js';
import type { Device, OwnDevice } from '../engine/devices.js';
import type { Source, SourceLike, SourceOptions } from '../sources/source.js';
import { checkConfiguration, checkOpening, RUNTIME, type NamesOf } from './options.js';

/** Where the library's own files are and how it runs; each can be given to one call, or to configure(). */
export interface RuntimeOptions extends BuildRequest {
  /**
   * The folder (its URL, in a page relative to it) that has engine.js, gpu.js, gpu-extras.js, gpu-tokenizer.js, wasm/ and weights/, a copy of the
   * package's dist/; for bundlers that do not carry them along. It may be another origin's that allows this (CORS). Default: beside the library
   */
  assets?: string | URL | undefined;
  /** The folder of wasm/ only. Default: that of `assets` */
  artefacts?: string | URL | undefined;
  /**
   * The bytes of the .wasm of `build`, which has to be named, or the module that the host has compiled of them, as Cloudflare's do that
   * let nothing be compiled: then none is fetched.
   */
  wasmBinary?: ArrayBuffer | Uint8Array | WasmModule | undefined;
  /** Returns a worker that runs `beit-wasm/worker`, in browsers, for those that have a way of their own to start one. */
  workerFactory?: (() => unknown) | undefined;
  /** The most bytes of linear memory, 16 MB to 4 GB. Default: 4 GB, less where the engine does not give that */
  maximumMemory?: number | undefined;
  /**
   * Whether the core runs in a worker of its own, so that the caller's thread stays free. Default: true in a browser, or, where
   * the worker is another origin's and a policy forbids it, in the page's thread; true in the main thread of a Node process,
   * false in its worker threads.
   */
  worker?: boolean | undefined;
  /**
   * What models compute on. gpu: WebGPU, for every model that it can run; the others stay on the processor, which onWarning and runtimeInfo() tell, and
   * without a GPU loading rejects with unsupported. auto: WebGPU where there is a real GPU and a model is large enough to gain. A GPUDevice is
   * used as it is, in the caller's thread, and never destroyed. A GPU's answers are checked before it is trusted, and whatever fails on it is done again
   * on the processor. In Node it takes the package `webgpu`. Default: cpu
   */
  device?: Device | OwnDevice | undefined;
}

RUNTIME satisfies NamesOf<RuntimeOptions>;

/** What configure() takes. */
export interface Configuration extends RuntimeOptions, SourceOptions {}

let defaults: Configuration = {};

/**
 * Sets what calls from now on do where their own options say nothing; undefined takes an option back. Returns all that are
 * set. Throws invalid-argument for a name that is no option.
 * @example
 * ```js
 * import { configure } from 'beit-wasm';
 *
 * configure({ assets: '/beit/', threads: 2 });
 * ```
 */
export function configure(options: Configuration): Configuration {
  checkConfiguration(options);
  defaults = given({ ...defaults, ...options });
  return { ...defaults };
}

/** Returns a call's options, completed by what configure() was told. */
export function configured<Options extends object>(options: Options): Options & Configuration {
  return { ...defaults, ...given(options) };
}

function given<Options extends object>(options: Options): Options {
  return Object.fromEntries(Object.entries(givenOptions(options)).filter(([, value]) => value !== undefined)) as Options;
}

/**
 * Returns the source that a user names; `elsewhere`: what is no path of this machine. Rejects with invalid-argument or not-found for what is none, or
 * for an option that there is not.
 */
export async function sourceOf(source: SourceLike, options: SourceOptions, { elsewhere = false } = {}): Promise<Source> {
  checkOpening(options);
  return platform.resolveSource(source, configured(options), elsewhere);
}

/**
 * Returns the source that a user names, whose files can be read one by one. Rejects with invalid-argument or not-found for what is
 * none, or for an option that there is not.
 * @example
 * ```js
 * import { resolveSource } from 'beit-wasm';
 *
 * const source = await resolveSource('microsoft/beit-base-patch16-224');
 * const config = await source.open('config.json');
 * for await (const bytes of config.read(0, config.size)) console.log(new TextDecoder().decode(bytes));
 * await config.close();
 * ```
 */
export const resolveSource: (source: SourceLike, options?: SourceOptions) => Promise<Source> = (source, options = {}) =>
  sourceOf(source, options);

/** Returns the address of a folder, with a final slash, in a page relative to it. */
export function folderOf(name: string, folder: string | URL | undefined): string | undefined {
  if (folder === undefined) return undefined;
  let url: URL;
  try {
    url = new URL(folder, globalThis.document?.baseURI ?? globalThis.location?.href);
  } catch (error) {
    throw new BeitError('invalid-argument', `${name}: ${shown(folder)} is not a URL.`, {
      where: name,
      got: kindOf(folder),
      cause: error,
    });
  }
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url.href;
}
