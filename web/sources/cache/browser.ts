/**
 * Kept files of an origin. The record of a file is an entry of the Cache API, written last, so that
 * a download that broke off leaves no record and is never taken for whole. A small file is the
 * entry's body; a large one lies in the origin private file system, which takes bytes as they come
 * and reads any range without the rest.
 */
import { BeitError, failure, sentenceOf } from '../../base/errors.js';
import { BlobFile } from '../memory.js';
import type { SourceFile } from '../source.js';
import type { CachedFile, CacheStore, CacheWriter } from './store.js';

const NAME = 'beit-wasm';
const RECORD = 'x-beit-record';
// Below this a file is held in memory while it comes, which is less than one chunk of a large one
// costs; configs, even those with the labels of ImageNet-22k (2 MB), stay below.
const SMALL_BYTES = 4 << 20;
// What an interrupted download has left is taken away when no tab can still be at it.
const ABANDONED_MS = 24 * 3600 * 1000;

interface BrowserRecord extends CachedFile {
  /** The name of its file in the private file system; empty for a small one. */
  data: string;
}

/** The part of FileSystemSyncAccessHandle that is used: only a worker's library knows it. */
interface SyncAccessHandle {
  write(bytes: Uint8Array, options: { at: number }): number;
  flush(): void;
  close(): void;
}

/** Returns the origin's store, or null where a page may not keep anything. */
export async function openBrowserCache(): Promise<CacheStore | null> {
  if (typeof caches === 'undefined') return null;
  try {
    return new BrowserCache(await caches.open(NAME));
  } catch {
    return null;
  }
}

async function openFolder(): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle(NAME, { create: true });
}

class BrowserCache implements CacheStore {
  private swept = false;

  constructor(private readonly records: Cache) {}

  async find(url: string): Promise<{ record: CachedFile; open(): Promise<SourceFile> } | null> {
    const response = await this.records.match(url, { ignoreVary: true });
    const record = response && readRecord(response);
    if (!record) return null;
    try {
      const { data, ...facts } = record;
      const blob = data ? await (await (await openFolder()).getFileHandle(data)).getFile() : await response.blob();
      if (blob.size === record.bytes) return { record: facts, open: async () => new BlobFile(record.file, blob) };
    } catch {
      // The browser may evict the one without the other.
    }
    await this.remove(url);
    return null;
  }

  async write(url: string, size: number): Promise<CacheWriter> {
    return guarded(url, async () => {
      await this.sweep();
      const { quota, usage } = await navigator.storage.estimate();
      if (quota !== undefined && size > quota - (usage ?? 0)) throw quotaError(url, `${size} bytes, and ${quota - (usage ?? 0)} are left`);
      return new BrowserWriter(url, this.records);
    });
  }

  async list(): Promise<CachedFile[]> {
    return guarded(NAME, async () => (await this.allRecords()).map(({ data: _, ...facts }) => facts));
  }

  async remove(url: string): Promise<void> {
    await guarded(url, () => this.removeRecord(url));
  }

  private async removeRecord(url: string): Promise<void> {
    const response = await this.records.match(url, { ignoreVary: true });
    const record = response && readRecord(response);
    await this.records.delete(url, { ignoreVary: true });
    if (record?.data) await removeData(record.data);
  }

  async clear(): Promise<void> {
    await guarded(NAME, async () => {
      for (const request of await this.records.keys()) await this.records.delete(request, { ignoreVary: true });
    });
    const root = await navigator.storage.getDirectory();
    await root.removeEntry(NAME, { recursive: true }).catch(() => undefined);
  }

  private async allRecords(): Promise<BrowserRecord[]> {
    const found: BrowserRecord[] = [];
    for (const request of await this.records.keys()) {
      const response = await this.records.match(request, { ignoreVary: true });
      const record = response && readRecord(response);
      if (record) found.push(record);
    }
    return found;
  }

  /** Takes files away that no record names. */
  private async sweep(): Promise<void> {
    if (this.swept) return;
    this.swept = true;
    try {
      const named = new Set((await this.allRecords()).map(({ data }) => data));
      const folder = (await openFolder()) as FileSystemDirectoryHandle & { keys(): AsyncIterable<string> };
      for await (const name of folder.keys()) {
        if (!named.has(name) && Date.now() - parseInt(name, 36) > ABANDONED_MS) await removeData(name);
      }
    } catch {
      // Without a file system there is nothing to sweep; write() will tell.
    }
  }
}

class BrowserWriter implements CacheWriter {
  private parts: Uint8Array<ArrayBuffer>[] = [];
  private bytes = 0;
  private file: DataFile | null = null;

  constructor(
    private readonly url: string,
    private readonly records: Cache,
  ) {}

  async write(bytes: Uint8Array): Promise<void> {
    await guarded(this.url, async () => {
      this.bytes += bytes.length;
      if (!this.file && this.bytes <= SMALL_BYTES) {
        this.parts.push(bytes.slice());
        return;
      }
      if (!this.file) {
        this.file = await DataFile.create();
        for (const part of this.parts.splice(0)) await this.file.write(part);
      }
      await this.file.write(bytes);
    });
  }

  async commit(facts: CachedFile): Promise<void> {
    await guarded(this.url, async () => {
      await this.file?.close();
      const record: BrowserRecord = { ...facts, data: this.file?.name ?? '' };
      const before = await this.records.match(this.url, { ignoreVary: true });
      const old = before && readRecord(before);
      const headers = { 'Content-Type': 'application/octet-stream', [RECORD]: encodeURIComponent(JSON.stringify(record)) };
      await this.records.put(this.url, new Response(new Blob(this.parts), { headers }));
      this.parts = [];
      if (old?.data) await removeData(old.data);
    });
  }

  async abort(): Promise<void> {
    this.parts = [];
    await this.file?.discard();
  }
}

/** A new file of the private file system, written from its start. */
class DataFile {
  private position = 0;

  private constructor(
    readonly name: string,
    private readonly sync: SyncAccessHandle | null,
    private readonly stream: FileSystemWritableFileStream | null,
  ) {}

  static async create(): Promise<DataFile> {
    const name = `${Date.now().toString(36)}.${crypto.randomUUID()}`;
    const handle = (await (await openFolder()).getFileHandle(name, { create: true })) as FileSystemFileHandle & {
      createSyncAccessHandle?: () => Promise<SyncAccessHandle>;
    };
    // Workers have the direct way; in the page itself each write crosses to another process.
    if (handle.createSyncAccessHandle) return new DataFile(name, await handle.createSyncAccessHandle(), null);
    return new DataFile(name, null, await handle.createWritable());
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.sync) {
      const done = this.sync.write(bytes, { at: this.position });
      if (done < bytes.length) throw new DOMException('The disk is full.', 'QuotaExceededError');
      this.position += done;
    } else {
      await this.stream?.write(bytes as Uint8Array<ArrayBuffer>);
    }
  }

  async close(): Promise<void> {
    this.sync?.flush();
    this.sync?.close();
    await this.stream?.close();
  }

  async discard(): Promise<void> {
    this.sync?.close();
    await this.stream?.abort().catch(() => undefined);
    await removeData(this.name);
  }
}

async function removeData(name: string): Promise<void> {
  try {
    await (await openFolder()).removeEntry(name);
  } catch {
    // It is gone, or another tab reads it: then the sweep of a later day finds it.
  }
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
    if ((error as Error | null)?.name === 'QuotaExceededError') throw quotaError(url, sentenceOf(error), error);
    throw failure('io', url, `the cache cannot be used (${sentenceOf(error)})`, error);
  }
}
