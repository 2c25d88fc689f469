/**
 * Kept files of an origin. The record of a file is an entry of the Cache API, written last, so that
 * a download that broke off leaves no record and is never taken for whole. A small file is the
 * entry's body; a large one lies in the origin private file system, which takes bytes as they come
 * and reads any range without the rest. What is on its way has a record in a cache of its own.
 */
import { BeitError, failure, sentenceOf } from '../../base/errors.js';
import { BlobFile } from '../memory.js';
import { beginOf, DataFile, dataBlob, dataNames, openData, removeData, takeLock } from './browser-files.js';
import {
  ABANDONED_MS,
  LEAST_PARTIAL_BYTES,
  mayGoOn,
  type CachedFile,
  type CacheStore,
  type CacheWriter,
  type KeptFile,
  type PartialFile,
} from './store.js';

const NAME = 'beit-wasm';
const RECORD = 'x-beit-record';
// Below this a file is held in memory while it comes, which is less than one chunk of a large one
// costs; configs, even those with the labels of ImageNet-22k (2 MB), stay below.
const SMALL_BYTES = 4 << 20;
// A data file that no record names is one whose record is about to be written, or was not any more.
const UNNAMED_MS = 24 * 3600 * 1000;

interface BrowserRecord extends CachedFile {
  /** The name of its file in the private file system; empty for a small one. */
  data: string;
}

interface Stores {
  records: Cache;
  parts: Cache;
  notes: Cache;
}

/** Returns the origin's store, or null where a page may not keep anything. */
export async function openBrowserCache(): Promise<CacheStore | null> {
  return requireBrowserCache().catch(() => null);
}

/** The same, but rejects with io where nothing can be kept: who loads wants to know why the next load fetches all of it again. */
export async function requireBrowserCache(): Promise<CacheStore> {
  if (typeof caches === 'undefined' || typeof navigator.locks === 'undefined') {
    throw failure('io', 'The cache', 'this page can keep no downloads, since it is served without HTTPS');
  }
  return guarded('The cache', async () => {
    const [records, parts, notes] = await Promise.all([NAME, `${NAME}-parts`, `${NAME}-notes`].map((name) => caches.open(name)));
    return new BrowserCache({ records: records!, parts: parts!, notes: notes! });
  });
}

/**
 * Asks the browser not to take away what is kept while there is room. Returns whether it will not. To be called in a page:
 * workers cannot ask. Firefox asks its user.
 */
export async function persistStorage(): Promise<boolean> {
  try {
    return (await navigator.storage.persist?.()) ?? false;
  } catch {
    return false;
  }
}

class BrowserCache implements CacheStore {
  private swept = false;

  constructor(private readonly stores: Stores) {}

  async find(url: string): Promise<KeptFile | null> {
    const response = await matchIn(this.stores.records, url);
    const record = response && readRecord(response);
    if (!record) return null;
    const { data, ...facts } = record;
    try {
      const blob = data ? await dataBlob(data) : await response.blob();
      if (blob.size === record.bytes)
        return { record: facts, open: async () => (data ? openData(record.file, data) : new BlobFile(record.file, blob)) };
    } catch (error) {
      // Another failure than that the browser has evicted the one without the other says nothing of the file.
      if ((error as Error | null)?.name !== 'NotFoundError') return null;
    }
    await this.removeRecord(url, data);
    return null;
  }

  async write(url: string): Promise<CacheWriter | null> {
    return guarded(url, async () => {
      const release = await takeLock(url);
      if (!release) return null;
      try {
        await this.sweep();
        return await BrowserWriter.create(url, this.stores, release);
      } catch (error) {
        release();
        throw error;
      }
    });
  }

  async progress(url: string): Promise<number> {
    try {
      const { data } = (await recordIn(this.stores.parts, url)) ?? { data: '' };
      return data ? (await dataBlob(data)).size : 0;
    } catch {
      return 0;
    }
  }

  async outdate({ url, saved }: CachedFile): Promise<void> {
    await guarded(url, async () => {
      const response = await matchIn(this.stores.records, url);
      const record = response && readRecord(response);
      if (record?.saved === saved) await this.stores.records.put(url, answerWith({ ...record, stale: true }, await response!.blob()));
    });
  }

  async list(): Promise<CachedFile[]> {
    return guarded(NAME, async () => (await recordsIn(this.stores.records)).map(({ data: _, ...facts }) => facts));
  }

  async remove(url: string): Promise<void> {
    await guarded(url, async () => {
      await this.removeRecord(url);
      await removePart(this.stores, url);
    });
  }

  /** Removes a record; with `data` only if it is the one that names this file. */
  private async removeRecord(url: string, data?: string): Promise<void> {
    const record = await recordIn(this.stores.records, url);
    if (data !== undefined && record?.data !== data) return;
    await this.stores.records.delete(url, { ignoreVary: true });
    if (record?.data) await removeData(record.data);
  }

  async readNote(url: string): Promise<string | null> {
    return guarded(url, async () => (await matchIn(this.stores.notes, url))?.text() ?? null);
  }

  async writeNote(url: string, source: string, text: string | null): Promise<void> {
    await guarded(url, async () => {
      if (text === null) await this.stores.notes.delete(url, { ignoreVary: true });
      else await this.stores.notes.put(url, new Response(text, { headers: { [RECORD]: encodeURIComponent(source) } }));
    });
  }

  async notesOf(source: string): Promise<string[]> {
    return guarded(source, async () => Promise.all((await this.notes(source)).map(([, note]) => note.text())));
  }

  private async notes(source: string): Promise<[Request, Response][]> {
    const found: [Request, Response][] = [];
    for (const request of await this.stores.notes.keys()) {
      const note = await matchIn(this.stores.notes, request);
      if (note?.headers.get(RECORD) === encodeURIComponent(source)) found.push([request, note]);
    }
    return found;
  }

  async forget(source: string): Promise<void> {
    await guarded(source, async () => {
      const { notes, parts } = this.stores;
      for (const [request] of await this.notes(source)) await notes.delete(request, { ignoreVary: true });
      for (const part of await recordsIn(parts)) if (part.source === source) await removePart(this.stores, part.url);
    });
  }

  async clear(): Promise<void> {
    await guarded(NAME, async () => {
      const { records, parts, notes } = this.stores;
      for (const store of [records, notes]) for (const request of await store.keys()) await store.delete(request, { ignoreVary: true });
      for (const { url } of await recordsIn(parts)) await removePart(this.stores, url);
      const named = new Set((await recordsIn(parts)).map(({ data }) => data));
      for (const name of await dataNames().catch(() => [])) if (!named.has(name)) await removeData(name);
    });
  }

  /** Takes away what nobody will ask for: files that no record names, and what was begun long ago. */
  private async sweep(): Promise<void> {
    if (this.swept) return;
    this.swept = true;
    try {
      const { records, parts } = this.stores;
      for (const { url, saved } of await recordsIn(parts)) {
        if (Date.now() - Date.parse(saved) > ABANDONED_MS) await removePart(this.stores, url);
      }
      const named = new Set([...(await recordsIn(records)), ...(await recordsIn(parts))].map(({ data }) => data));
      for (const name of await dataNames()) if (!named.has(name) && Date.now() - beginOf(name) > UNNAMED_MS) await removeData(name);
    } catch {
      // Without a file system there is nothing to sweep; the writer will tell.
    }
  }
}

class BrowserWriter implements CacheWriter {
  private small: Uint8Array<ArrayBuffer>[] = [];
  private bytes = 0;
  private record: CachedFile | null = null;

  private constructor(
    private readonly url: string,
    private readonly stores: Stores,
    private readonly release: () => void,
    private file: DataFile | null,
    readonly left: PartialFile | null,
  ) {}

  static async create(url: string, stores: Stores, release: () => void): Promise<BrowserWriter> {
    const record = await partIn(stores, url);
    const file = record && (await DataFile.open(record.data).catch(() => null));
    if (!record || !file) return new BrowserWriter(url, stores, release, null, null);
    const { data: _, ...facts } = record;
    const usable = mayGoOn(record, file.size);
    return new BrowserWriter(url, stores, release, file, usable ? { record: facts, file: await file.reader(record.file) } : null);
  }

  async begin(record: CachedFile, resume: boolean): Promise<void> {
    await guarded(this.url, async () => {
      this.record = record;
      if (resume) {
        this.bytes = this.file!.size;
      } else if (this.file) {
        await this.file.discard();
        this.file = null;
      }
      await this.makeRoom(record.bytes - this.bytes);
      if (!resume && record.bytes > SMALL_BYTES) await this.startFile();
    });
  }

  /** Rejects with quota where the browser says that so many bytes are too many, even without what others have left. */
  private async makeRoom(size: number): Promise<void> {
    if (size <= (await leftBytes())) return;
    for (const { url } of await recordsIn(this.stores.parts)) if (url !== this.url) await removePart(this.stores, url);
    const left = await leftBytes();
    if (size > left) throw quotaError(this.url, `${size} bytes, and ${left} are left`);
  }

  private async startFile(): Promise<void> {
    this.file = await DataFile.create();
    // First of all, so that another tab goes on with what this one leaves.
    await this.stores.parts.put(this.url, answerWith({ ...this.record!, data: this.file.name }, null));
    for (const part of this.small.splice(0)) await this.file.write(part);
  }

  async write(bytes: Uint8Array): Promise<void> {
    await guarded(this.url, async () => {
      this.bytes += bytes.length;
      if (!this.file && this.bytes <= SMALL_BYTES) {
        this.small.push(bytes.slice());
        return;
      }
      if (!this.file) await this.startFile();
      await this.file!.write(bytes);
    });
  }

  async commit(record: CachedFile): Promise<void> {
    await guarded(this.url, async () => {
      await this.file?.close();
      const { records, parts } = this.stores;
      const before = await recordIn(records, this.url);
      await records.put(this.url, answerWith({ ...record, data: this.file?.name ?? '' }, new Blob(this.small)));
      this.small = [];
      await parts.delete(this.url, { ignoreVary: true });
      if (before?.data) await removeData(before.data);
    });
    this.release();
  }

  async end(keep: boolean): Promise<void> {
    this.small = [];
    try {
      if (this.file && keep && this.file.size >= LEAST_PARTIAL_BYTES) {
        await this.file.close();
      } else {
        await this.file?.discard();
        await this.stores.parts.delete(this.url, { ignoreVary: true });
      }
    } catch {
      // What cannot be closed is not there the next time.
    } finally {
      this.release();
    }
  }
}

/** Removes what has come of a file, unless somebody is at it. */
async function removePart(stores: Stores, url: string): Promise<void> {
  if (!(await recordIn(stores.parts, url))) return;
  const release = await takeLock(url);
  if (!release) return;
  try {
    const record = await partIn(stores, url);
    await stores.parts.delete(url, { ignoreVary: true });
    if (record) await removeData(record.data);
  } finally {
    release();
  }
}

/**
 * Returns what an unfinished download has left, for who has its lock. One that was kept, and ended before it could say that
 * nothing is left, has none: its data is the kept file's.
 */
async function partIn({ records, parts }: Stores, url: string): Promise<BrowserRecord | null> {
  const part = await recordIn(parts, url);
  if (!part || (await recordIn(records, url))?.data !== part.data) return part;
  await parts.delete(url, { ignoreVary: true });
  return null;
}

/** Returns the bytes that the browser lets this origin have besides; Infinity where it does not tell, as Safari before 17. */
async function leftBytes(): Promise<number> {
  const { quota, usage = 0 } = (await navigator.storage.estimate?.()) ?? {};
  return quota === undefined ? Infinity : quota - usage;
}

async function matchIn(store: Cache, url: string | Request): Promise<Response | undefined> {
  return store.match(url, { ignoreVary: true });
}

async function recordIn(store: Cache, url: string | Request): Promise<BrowserRecord | null> {
  const response = await matchIn(store, url);
  return response ? readRecord(response) : null;
}

async function recordsIn(store: Cache): Promise<BrowserRecord[]> {
  const found: BrowserRecord[] = [];
  for (const request of await store.keys()) {
    const record = await recordIn(store, request);
    if (record) found.push(record);
  }
  return found;
}

function answerWith(record: BrowserRecord, body: Blob | null): Response {
  const headers = { 'Content-Type': 'application/octet-stream', [RECORD]: encodeURIComponent(JSON.stringify(record)) };
  return new Response(body, { headers });
}

function readRecord(response: Response): BrowserRecord | null {
  try {
    return JSON.parse(decodeURIComponent(response.headers.get(RECORD) ?? '')) as BrowserRecord;
  } catch {
    return null;
  }
}

function quotaError(url: string, what: string, cause?: unknown): BeitError {
  return failure('quota', url, `the browser has no room to keep it (${what})`, cause);
}

async function guarded<T>(url: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof BeitError) throw error;
    const { name } = (error ?? {}) as Error;
    if (name === 'QuotaExceededError') throw quotaError(url, sentenceOf(error), error);
    const why = name === 'SecurityError' ? ', as in a private window or with cookies blocked' : '';
    throw failure('io', url, `the browser lets nothing be kept${why} (${sentenceOf(error)})`, error);
  }
}
