/**
 * What differs between a browser and Node. Types only: `#platform`, which package.json's `imports` lead to browser.ts or
 * node.ts, exports the one of the two that fits.
 */
import type { Build, Host } from '../core/capabilities.js';
import type { ArtefactFiles } from '../core/core.js';
import type { FindGpu } from '../engine/gpu.js';
import type { Channel, FromWorker, ToWorker } from '../engine/protocol.js';
import type { CacheStore } from '../sources/cache/store.js';
import type { Source, SourceLike, SourceOptions } from '../sources/source.js';
import type { SampleName } from './samples.js';

/** A file on its way: all its bytes, in any order. */
export interface FileToWrite {
  write(offset: number, data: Uint8Array): void | Promise<void>;
  /** The file is whole. */
  close(): void | Promise<void>;
  /** It will never be. */
  abort(): void | Promise<void>;
}

/** Where files are written to. */
export interface FolderToWrite {
  /** Begins a file of that name and size. */
  create(name: string, bytes: number): FileToWrite | Promise<FileToWrite>;
  /** Takes a file away where it is there. Without it a state of a run that broke off while it replaced another may be taken for whole. */
  remove?(name: string): void | Promise<void>;
}

export interface Platform {
  host(): Host;
  workerByDefault: boolean;
  /** Returns the address of the worker's script; `folder`: as addressOf() of assets.ts has it. */
  workerScript(folder?: string): string;
  /** Starts the engine's worker, or takes the one that `factory` makes. */
  startWorker(script: string, factory?: () => unknown): Channel<ToWorker, FromWorker>;
  /** `elsewhere`: text is no path of this machine. Rejects with invalid-argument or not-found for what is no source. */
  resolveSource(source: SourceLike, options: SourceOptions, elsewhere?: boolean): Promise<Source>;
  /** Returns the store of api/cache.ts's functions: a folder's, or that of the origin for true. */
  openCache(folder: string | true): Promise<CacheStore | null>;
  /** Asks that what is kept is not taken away for want of room. */
  persist(): Promise<boolean>;
  /** Returns a checkpoint of beit-wasm-samples, or of `folder` (as addressOf() of assets.ts has it). Rejects with not-found where there is none. */
  sample(name: SampleName, folder?: string): Promise<Source>;
  /** Returns the address of beit-wasm-avif's module, or null where that package is not known. */
  avifModule(): string | null;
  /** Returns the addresses of beit-wasm-training's builds, or null where that package is not known. */
  trainingBuilds(): Record<Build, ArtefactFiles> | null;
  /** Returns a folder of this machine, made where it is not there, for files to be written to. Throws unsupported where there are none, and io. */
  folderToWrite(path: string): FolderToWrite;
  /** Returns the bytes of an image that is given as a string or URL. */
  readImage(address: string | URL, signal: AbortSignal | null): Promise<Uint8Array>;
  /** Returns the bytes of a file of the package, which may lie on this machine. */
  readAsset(address: string): Promise<Uint8Array>;
  findGpu: FindGpu;
}
