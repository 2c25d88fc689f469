/** What differs between a browser and Node. node.ts sets Node's; everything else has the browser's. */
import type { Host } from './capabilities.js';
import { browserPlatform } from './platform-browser.js';
import type { CacheStore } from './cache.js';
import type { Channel, FromWorker, ToWorker } from './protocol.js';
import type { Source, SourceLike, SourceOptions } from './sources.js';

/** The checkpoints that ship with the package, by their folders' names. */
export type EmbeddedName = 'classifier' | 'segmentation';

export interface Platform {
  host(): Host;
  workerByDefault: boolean;
  startWorker(): Channel<ToWorker, FromWorker>;
  /** Rejects with invalid-argument or not-found for what is no source. */
  resolveSource(source: SourceLike, options: SourceOptions): Promise<Source>;
  /** Returns the store of cache.ts's functions: a folder's, or that of the origin for true. */
  openCache(folder: string | true): Promise<CacheStore | null>;
  /** A checkpoint that ships with the package. */
  embedded(name: EmbeddedName): Source;
  /** Returns the bytes of an image that is given as a string or URL. */
  readImage(address: string | URL, signal: AbortSignal | null): Promise<Uint8Array>;
}

let current: Platform = browserPlatform;

export function platform(): Platform {
  return current;
}

export function setPlatform(chosen: Platform): void {
  current = chosen;
}
