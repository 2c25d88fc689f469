/** Kept files in a folder (Node): each as it is, beside a record that is written last. */
import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { failure, mismatch, sentenceOf } from '../../base/errors.js';
import { openLocalFile } from '../folder-node.js';
import type { SourceFile } from '../source.js';
import type { CachedFile, CacheStore, CacheWriter } from './store.js';

const RECORD = '.record.json';
const DATA = '.data';
const PART = '.part';

/** Returns the store of a folder; null for true or false: without a folder nothing is kept. */
export function openNodeCache(folder: string | boolean): CacheStore | null {
  return typeof folder === 'string' ? new NodeCache(folder) : null;
}

/** For the functions that list and remove: they need a folder. */
export function requireNodeCache(folder: string | boolean): CacheStore {
  if (typeof folder !== 'string') throw mismatch('invalid-argument', 'cache', 'no folder', 'the folder in which Node keeps downloads');
  return new NodeCache(folder);
}

class NodeCache implements CacheStore {
  constructor(private readonly folder: string) {}

  async find(url: string): Promise<{ record: CachedFile; open(): Promise<SourceFile> } | null> {
    const stem = this.stem(url);
    const record = readRecord(stem + RECORD);
    if (record?.url !== url || statSync(stem + DATA, { throwIfNoEntry: false })?.size !== record.bytes) return null;
    return { record, open: async () => openLocalFile(record.file, stem + DATA, record.source) };
  }

  async write(url: string): Promise<CacheWriter> {
    return guarded(url, () => {
      mkdirSync(this.folder, { recursive: true });
      return new NodeWriter(this.stem(url), url);
    });
  }

  async list(): Promise<CachedFile[]> {
    return guarded(this.folder, () =>
      this.names()
        .filter((name) => name.endsWith(RECORD))
        .map((name) => readRecord(join(this.folder, name)))
        .filter((record) => record !== null),
    );
  }

  async remove(url: string): Promise<void> {
    const stem = this.stem(url);
    await guarded(url, () => {
      for (const end of [RECORD, DATA]) rmSync(stem + end, { force: true });
    });
  }

  async clear(): Promise<void> {
    await guarded(this.folder, () => {
      for (const name of this.names()) {
        if ([RECORD, DATA, PART].some((end) => name.endsWith(end))) rmSync(join(this.folder, name), { force: true });
      }
    });
  }

  private names(): string[] {
    return existsSync(this.folder) ? readdirSync(this.folder) : [];
  }

  private stem(url: string): string {
    return join(this.folder, createHash('sha256').update(url).digest('hex').slice(0, 32));
  }
}

class NodeWriter implements CacheWriter {
  private readonly part: string;
  private handle: number | null;

  constructor(
    private readonly stem: string,
    private readonly url: string,
  ) {
    this.part = `${stem}.${randomUUID()}${PART}`;
    this.handle = openSync(this.part, 'wx');
  }

  async write(bytes: Uint8Array): Promise<void> {
    await guarded(this.url, () => {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.handle!, bytes, done);
    });
  }

  async commit(record: CachedFile): Promise<void> {
    await guarded(this.url, () => {
      this.close();
      // An old record must not stand beside new bytes.
      rmSync(this.stem + RECORD, { force: true });
      renameSync(this.part, this.stem + DATA);
      const text = `${this.part}.json${PART}`;
      writeFileSync(text, JSON.stringify(record));
      renameSync(text, this.stem + RECORD);
    });
  }

  async abort(): Promise<void> {
    this.close();
    rmSync(this.part, { force: true });
  }

  private close(): void {
    if (this.handle !== null) closeSync(this.handle);
    this.handle = null;
  }
}

function readRecord(path: string): CachedFile | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as CachedFile;
  } catch {
    return null;
  }
}

async function guarded<T>(where: string, work: () => T): Promise<T> {
  try {
    return work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') throw failure('quota', where, `there is no room to keep it (${sentenceOf(error)})`, error);
    throw failure('io', where, `the cache cannot be used (${sentenceOf(error)})`, error);
  }
}
