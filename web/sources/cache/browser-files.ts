/** Large files in the origin private file system, and the locks of those who read and write them. */
import { failure } from '../../base/errors.js';
import { sleep } from '../../base/scheduling.js';
import { BlobFile } from '../memory.js';
import { CHUNK_BYTES, type SourceFile } from '../source.js';

const FOLDER = 'beit-wasm';

/** The part of FileSystemSyncAccessHandle that is used: only a worker's library knows it. */
interface SyncAccessHandle {
  read(bytes: Uint8Array, options: { at: number }): number;
  write(bytes: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
}

async function openFolder(): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });
}

/** Returns a function that gives the lock back, or null while somebody has it in a way that excludes this one. */
export function takeLock(name: string, mode: LockMode = 'exclusive'): Promise<(() => void) | null> {
  return new Promise((resolve, reject) => {
    navigator.locks
      .request(`${FOLDER}:${name}`, { mode, ifAvailable: true }, (lock) => {
        if (lock) return new Promise<void>((release) => resolve(release));
        resolve(null);
        return undefined;
      })
      .catch(reject);
  });
}

/** Returns the names of all data files. */
export async function dataNames(): Promise<string[]> {
  const names: string[] = [];
  const folder = (await openFolder()) as FileSystemDirectoryHandle & { keys(): AsyncIterable<string> };
  for await (const name of folder.keys()) names.push(name);
  return names;
}

/** Returns when a data file was begun. */
export function beginOf(name: string): number {
  return parseInt(name, 36);
}

/** Returns a data file as it is now. Rejects with the browser's NotFoundError where there is none. */
export async function dataBlob(name: string): Promise<File> {
  return (await (await openFolder()).getFileHandle(name)).getFile();
}

type SyncFileHandle = FileSystemFileHandle & { createSyncAccessHandle?: (options?: { mode: string }) => Promise<SyncAccessHandle> };

/** Opens a whole data file: until it is closed nobody takes it away. Rejects where it is gone. */
export async function openData(file: string, name: string): Promise<SourceFile> {
  const release = await takeLock(name, 'shared');
  if (!release) throw new DOMException('It is being taken away.', 'NotFoundError');
  try {
    const handle: SyncFileHandle = await (await openFolder()).getFileHandle(name);
    const sync = await openToRead(handle);
    return sync ? new HeldHandle(file, sync, release) : new HeldBlob(file, await handle.getFile(), release);
  } catch (error) {
    release();
    throw error;
  }
}

/** Returns a handle beside which others can read, or null: of a Blob each slice crosses from another process. */
async function openToRead(handle: SyncFileHandle): Promise<SyncAccessHandle | null> {
  // Elsewhere a handle shuts others out, if only for a moment.
  const { FileSystemSyncAccessHandle: known } = globalThis as { FileSystemSyncAccessHandle?: { prototype: object } };
  if (!known || !('mode' in known.prototype)) return null;
  return handle.createSyncAccessHandle!({ mode: 'read-only' }).catch(() => null);
}

class HeldBlob extends BlobFile {
  constructor(
    name: string,
    blob: Blob,
    private readonly release: () => void,
  ) {
    super(name, blob);
  }

  override async close(): Promise<void> {
    this.release();
  }
}

/** Takes a data file away, unless somebody reads it: then the sweep of a later day finds it. Never rejects. */
export async function removeData(name: string): Promise<void> {
  try {
    const release = await takeLock(name);
    if (!release) return;
    try {
      await patiently(async () => (await openFolder()).removeEntry(name));
    } finally {
      release();
    }
  } catch {
    // It is gone.
  }
}

const ATTEMPTS = 5;
const WAIT_MS = 100;
// WebKitGTK has the method that opens a handle and nothing behind it; asked once more it would say something else.
const FINAL = ['NotFoundError', 'NotSupportedError'];

/** Tries again what another's handle may be in the way of: a worker that was ended gives its own back a moment after its lock. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; ++attempt) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= ATTEMPTS || FINAL.includes((error as Error).name)) throw error;
      await sleep(WAIT_MS, null);
    }
  }
}

/** A file of the private file system that is being written, from its start or from where an earlier download has left it. */
export class DataFile {
  private constructor(
    readonly name: string,
    /** Where the next bytes go. */
    private position: number,
    private readonly handle: FileSystemFileHandle,
    private readonly sync: SyncAccessHandle | null,
    private stream: FileSystemWritableFileStream | null,
  ) {}

  static create(): Promise<DataFile> {
    return DataFile.open(`${Date.now().toString(36)}.${crypto.randomUUID()}`, true);
  }

  /** Opens what has come of a file. Rejects where it is gone, or somebody has it. */
  static async open(name: string, create = false): Promise<DataFile> {
    const handle: SyncFileHandle = await (await openFolder()).getFileHandle(name, { create });
    // Workers have the direct way; in the page itself each write crosses to another process.
    if (!handle.createSyncAccessHandle) return new DataFile(name, (await handle.getFile()).size, handle, null, null);
    const sync = await patiently(() => handle.createSyncAccessHandle!());
    return new DataFile(name, sync.getSize(), handle, sync, null);
  }

  /** Bytes that have come. */
  get size(): number {
    return this.position;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.sync) {
      const done = this.sync.write(bytes, { at: this.position });
      this.position += done;
      if (done < bytes.length) throw new DOMException('The disk is full.', 'QuotaExceededError');
      return;
    }
    this.stream ??= await this.startStream();
    await this.stream.write(bytes as Uint8Array<ArrayBuffer>);
    this.position += bytes.length;
  }

  private async startStream(): Promise<FileSystemWritableFileStream> {
    const stream = await this.handle.createWritable({ keepExistingData: true });
    await stream.seek(this.position);
    return stream;
  }

  /** What has come until now, to be read before more is written. */
  async reader(file: string): Promise<SourceFile> {
    return this.sync ? new SyncReader(file, this.sync, this.position) : new BlobFile(file, await this.handle.getFile());
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

/** Reads through a handle; through the one that writes, while there is one, since some browsers let the file be read in no other way. */
class SyncReader implements SourceFile {
  constructor(
    readonly name: string,
    protected readonly sync: SyncAccessHandle,
    readonly size: number,
  ) {}

  readSync(target: Uint8Array, offset: number): number {
    try {
      return this.sync.read(target, { at: offset });
    } catch (error) {
      throw failure('io', this.name, 'the kept file cannot be read', error);
    }
  }

  async *read(offset: number, length: number): AsyncIterable<Uint8Array> {
    const end = Math.min(offset + length, this.size);
    const buffer = new Uint8Array(Math.max(Math.min(CHUNK_BYTES, end - offset), 0));
    for (let position = offset; position < end; ) {
      const count = this.readSync(buffer.subarray(0, end - position), position);
      if (count === 0) return;
      yield buffer.subarray(0, count);
      position += count;
    }
  }

  async close(): Promise<void> {}
}

class HeldHandle extends SyncReader {
  constructor(
    name: string,
    sync: SyncAccessHandle,
    private readonly release: () => void,
  ) {
    super(name, sync, sync.getSize());
  }

  override async close(): Promise<void> {
    this.sync.close();
    this.release();
  }
}
