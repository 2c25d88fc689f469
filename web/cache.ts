/** Downloads that are kept, so that a checkpoint is fetched once and works offline. */
import { mismatch } from './errors.js';
import { platform } from './platform.js';
import type { SourceFile } from './sources.js';

/** A file that is kept: whole, and verified where its SHA-256 was known. Plain data. */
export interface CachedFile {
  /** Where it came from, its revision included. No two kept files have the same. */
  url: string;
  /** What it belongs to: a hub id, or the URL of a folder. */
  source: string;
  /** Its name in there, such as "model.safetensors". */
  file: string;
  bytes: number;
  /** When it was fetched: ISO 8601. */
  saved: string;
  /** What the server said of this version; empty where it said nothing. */
  etag: string;
  lastModified: string;
  /** 64 hexadecimal digits; empty where it was not known. */
  sha256: string;
}

/** A file on its way into a store. Nothing is kept before commit(). */
export interface CacheWriter {
  /** Takes the next bytes; they may be used again afterwards. Rejects with `quota` or `io`. */
  write(bytes: Uint8Array): Promise<void>;
  commit(record: CachedFile): Promise<void>;
  /** Takes away what was written. Never rejects. */
  abort(): Promise<void>;
}

/** Where files are kept: cache-browser.ts or cache-node.ts. Methods reject with `quota` or `io`. */
export interface CacheStore {
  find(url: string): Promise<{ record: CachedFile; open(): Promise<SourceFile> } | null>;
  /** `size` in bytes, or -1 when it is not known. */
  write(url: string, size: number): Promise<CacheWriter>;
  list(): Promise<CachedFile[]>;
  remove(url: string): Promise<void>;
  /** Removes everything, also what an interrupted download has left. */
  clear(): Promise<void>;
}

async function openStore(folder: string | undefined): Promise<CacheStore | null> {
  return platform().openCache(folder ?? true);
}

/**
 * What is kept of downloads. In a page: small files in the Cache API, large ones in the origin's
 * private file system. In Node each call needs the folder that the option `cache` named.
 * Every method rejects with io where the store cannot be read.
 */
export const cache = {
  /** Returns the kept files, the latest first; none where nothing can be kept (no secure context). */
  async list(folder?: string): Promise<CachedFile[]> {
    const files = await (await openStore(folder))?.list() ?? [];
    return files.sort((a, b) => b.saved.localeCompare(a.saved));
  },

  /** Removes a file, by its URL, or all of a source (a hub id, a folder's URL). Returns how many that were. */
  async delete(urlOrSource: string, folder?: string): Promise<number> {
    if (typeof urlOrSource !== 'string') throw mismatch('invalid-argument', 'cache.delete', typeof urlOrSource, 'a URL or a source');
    const store = await openStore(folder);
    const found = (await store?.list() ?? []).filter(({ url, source }) => url === urlOrSource || source === urlOrSource);
    for (const { url } of found) await store?.remove(url);
    return found.length;
  },

  /** Removes everything that this library keeps. */
  async clear(folder?: string): Promise<void> {
    await (await openStore(folder))?.clear();
  },
};
