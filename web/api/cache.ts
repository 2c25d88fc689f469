/** Downloads that are kept, so that a checkpoint is fetched once and works offline. */
import { platform } from '#platform';
import { mismatch } from '../base/errors.js';
import { configured } from './configure.js';
import type { CachedFile, CacheStore } from '../sources/cache/store.js';

async function openStore(folder: string | undefined): Promise<CacheStore | null> {
  return platform.openCache(folder ?? (configured({}).cache || true)); // what is not to be used can be looked into nevertheless
}

/**
 * What is kept of downloads. In a page: small files in the Cache API, large ones in the origin's
 * private file system. In Node it is the folder that a call names, or that configure({ cache }) did.
 * Every method rejects with io where the store cannot be read.
 * @example
 * ```js
 * import { cache } from 'beit-wasm';
 *
 * for (const { source, file, bytes } of await cache.list()) console.log(source, file, bytes);
 * await cache.delete('microsoft/beit-base-patch16-224');
 * ```
 */
export const cache = {
  /** Returns the kept files, the latest first; none where nothing can be kept (no secure context). */
  async list(folder?: string): Promise<CachedFile[]> {
    const files = (await (await openStore(folder))?.list()) ?? [];
    return files.sort((a, b) => b.saved.localeCompare(a.saved));
  },

  /** Removes a file, by its URL, or all of a source (a hub id, a folder's URL). Returns how many that were. */
  async delete(urlOrSource: string, folder?: string): Promise<number> {
    if (typeof urlOrSource !== 'string') throw mismatch('invalid-argument', 'cache.delete', typeof urlOrSource, 'a URL or a source');
    const store = await openStore(folder);
    const found = ((await store?.list()) ?? []).filter(({ url, source }) => url === urlOrSource || source === urlOrSource);
    for (const { url } of found) await store?.remove(url);
    await store?.forget(urlOrSource);
    return found.length;
  },

  /**
   * Asks the browser not to take away what is kept when it needs room, or when nobody has come for some days (Safari). Returns whether
   * it will not. To be called in a page: Chromium and Safari decide by how it is used, Firefox asks its user. In Node it is true.
   * @example
   * ```js
   * import { cache } from 'beit-wasm';
   *
   * const stays = await cache.persist();
   * ```
   */
  persist: (): Promise<boolean> => platform.persist(),

  /** Removes everything that this library keeps. */
  async clear(folder?: string): Promise<void> {
    await (await openStore(folder))?.clear();
  },
};
