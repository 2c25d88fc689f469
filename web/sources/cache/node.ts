/**
 * Kept files in a folder (Node). Each has a stem made of its address: STEM.record.json, written last, names the data file,
 * STEM.ID.data; STEM.part is what has come of one on its way, beside STEM.part.json; STEM.lock is whose it is; STEM.note.json
 * is a note.
 */
import { createHash, randomUUID } from 'node:crypto';
import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { BeitError, failure, mismatch, sentenceOf } from '../../base/errors.js';
import { openLocalFile } from '../folder-node.js';
import { FileLock, isLocked } from './lock-node.js';
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

const RECORD = '.record.json';
const DATA = '.data';
const PART = '.part';
const PART_RECORD = '.part.json';
const NOTE = '.note.json';
const LOCK = '.lock';
const TEXT = '.text.tmp';

interface NodeRecord extends CachedFile {
  /** The data file's name; absent in records of earlier versions. */
  data?: string;
}

interface Note {
  url: string;
  source: string;
  text: string;
}

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

  async find(url: string): Promise<KeptFile | null> {
    const stem = this.stem(url);
    const record = readJson<NodeRecord>(stem + RECORD);
    if (record?.url !== url) return null;
    const { data, ...facts } = record;
    const path = data ? join(this.folder, data) : stem + DATA;
    if (statSync(path, { throwIfNoEntry: false })?.size !== record.bytes) return null;
    return { record: facts, open: async () => openLocalFile(record.file, path, record.source) };
  }

  async write(url: string): Promise<CacheWriter | null> {
    return guarded(url, () => {
      mkdirSync(this.folder, { recursive: true });
      const lock = FileLock.take(this.stem(url) + LOCK);
      if (!lock) return null;
      try {
        this.sweep();
      } catch {
        // What cannot be taken away takes room for longer.
      }
      return new NodeWriter(this.folder, this.stem(url), url, lock);
    });
  }

  async progress(url: string): Promise<number> {
    return statSync(this.stem(url) + PART, { throwIfNoEntry: false })?.size ?? 0;
  }

  async outdate({ url, saved }: CachedFile): Promise<void> {
    const path = this.stem(url) + RECORD;
    const record = readJson<NodeRecord>(path);
    if (record?.saved === saved) await guarded(url, () => writeWhole(path, { ...record, stale: true }));
  }

  async list(): Promise<CachedFile[]> {
    return guarded(this.folder, () => this.readAll<NodeRecord>(RECORD).map(({ data: _, ...facts }) => facts));
  }

  async remove(url: string): Promise<void> {
    const stem = this.stem(url);
    await guarded(url, () => {
      const data = readJson<NodeRecord>(stem + RECORD)?.data;
      rmSync(stem + RECORD, { force: true });
      rmSync(data ? join(this.folder, data) : stem + DATA, { force: true });
      this.removePart(stem);
    });
  }

  async readNote(url: string): Promise<string | null> {
    const note = readJson<Note>(this.stem(url) + NOTE);
    return note?.url === url ? note.text : null;
  }

  async writeNote(url: string, source: string, text: string | null): Promise<void> {
    const path = this.stem(url) + NOTE;
    await guarded(url, () => {
      if (text === null) return rmSync(path, { force: true });
      mkdirSync(this.folder, { recursive: true });
      writeWhole(path, { url, source, text } satisfies Note);
    });
  }

  async notesOf(source: string): Promise<string[]> {
    const notes = await guarded(source, () => this.readAll<Note>(NOTE));
    return notes.filter((note) => note.source === source).map(({ text }) => text);
  }

  async forget(source: string): Promise<void> {
    await guarded(source, () => {
      for (const note of this.readAll<Note>(NOTE)) if (note.source === source) rmSync(this.stem(note.url) + NOTE, { force: true });
      for (const part of this.readAll<CachedFile>(PART_RECORD)) if (part.source === source) this.removePart(this.stem(part.url));
    });
  }

  async clear(): Promise<void> {
    await guarded(this.folder, () => {
      for (const name of this.names()) {
        const path = join(this.folder, name);
        const stem = join(this.folder, name.slice(0, STEM_LENGTH));
        if ([PART, PART_RECORD, LOCK].some((end) => path === stem + end) && isLocked(stem + LOCK)) continue;
        rmSync(path, { force: true });
      }
    });
  }

  /** Removes what is left of a download, unless somebody is at it. */
  private removePart(stem: string): void {
    if (isLocked(stem + LOCK)) return;
    for (const end of [PART_RECORD, PART, LOCK]) rmSync(stem + end, { force: true });
  }

  /** Takes away what nobody will ask for: data that no record names, and what was begun long ago. */
  private sweep(): void {
    if (swept.has(this.folder)) return;
    swept.add(this.folder);
    const named = new Set(this.readAll<NodeRecord>(RECORD).map(({ url, data }) => data ?? `${stemName(url)}${DATA}`));
    for (const name of this.names()) {
      const path = join(this.folder, name);
      const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity);
      if (age < ABANDONED_MS) continue;
      if (name.endsWith(PART)) this.removePart(path.slice(0, -PART.length));
      else if ((name.endsWith(DATA) && !named.has(name)) || name.endsWith(TEXT) || name.includes(`${LOCK}.`)) rmSync(path, { force: true });
    }
  }

  private readAll<T extends { url: string }>(end: string): T[] {
    return this.names()
      .filter((name) => name.slice(STEM_LENGTH) === end)
      .map((name) => ({ name, found: readJson<T>(join(this.folder, name)) }))
      .filter(({ name, found }) => typeof found?.url === 'string' && name.startsWith(stemName(found.url)))
      .map(({ found }) => found!);
  }

  /** Returns the names of this cache's own files: a folder that a user names may hold others. */
  private names(): string[] {
    return existsSync(this.folder) ? readdirSync(this.folder).filter((name) => OWN_NAME.test(name)) : [];
  }

  private stem(url: string): string {
    return join(this.folder, stemName(url));
  }
}

/** Folders that have been swept by this thread. */
const swept = new Set<string>();

const STEM_LENGTH = 32;

// How often is looked, while bytes are written, whether the lock is still the writer's.
const ASK_MS = 1000;

// A stem and what follows it; a data file's id is a UUID, and so is that of a text or a lock on its way.
const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const OWN_NAME = new RegExp(
  `^[0-9a-f]{${STEM_LENGTH}}\\.(?:part|lock|data|${UUID}\\.data|lock\\.${UUID}|(?:record|part|note)\\.json(?:\\.${UUID}\\.text\\.tmp)?)$`,
);

function stemName(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, STEM_LENGTH);
}

class NodeWriter implements CacheWriter {
  readonly left: PartialFile | null;
  private handle: number | null = null;
  private position = 0;

  constructor(
    private readonly folder: string,
    private readonly stem: string,
    private readonly url: string,
    private readonly lock: FileLock,
  ) {
    this.left = this.findLeft();
  }

  private findLeft(): PartialFile | null {
    const record = readJson<CachedFile>(this.stem + PART_RECORD);
    const size = statSync(this.stem + PART, { throwIfNoEntry: false })?.size ?? 0;
    if (record?.url !== this.url || !mayGoOn(record, size)) return null;
    try {
      return { record, file: openLocalFile(record.file, this.stem + PART, record.source) };
    } catch {
      return null;
    }
  }

  async begin(record: CachedFile, resume: boolean): Promise<void> {
    await guarded(this.url, () => {
      this.assertOwned();
      // A new file rather than an empty one: who has lost the lock, and does not know yet, may still write to the other.
      if (!resume) rmSync(this.stem + PART, { force: true });
      this.handle = openSync(this.stem + PART, resume ? 'r+' : 'w');
      this.position = resume ? (this.left?.file.size ?? 0) : 0;
      ftruncateSync(this.handle, this.position);
      writeWhole(this.stem + PART_RECORD, record);
    });
  }

  async write(bytes: Uint8Array): Promise<void> {
    await guarded(this.url, () => {
      this.assertOwned(ASK_MS);
      for (let done = 0; done < bytes.length; ) {
        const count = writeSync(this.handle!, bytes, done, bytes.length - done, this.position);
        done += count;
        this.position += count;
      }
    });
  }

  async commit(record: CachedFile): Promise<void> {
    await guarded(this.url, () => {
      this.assertOwned();
      this.closeHandle();
      const before = readJson<NodeRecord>(this.stem + RECORD);
      const data = `${stemName(this.url)}.${randomUUID()}${DATA}`;
      renameSync(this.stem + PART, join(this.folder, data));
      try {
        // From this moment on the new file is the one that is found; who reads the old one has it open.
        writeWhole(this.stem + RECORD, { ...record, data } satisfies NodeRecord);
      } catch (error) {
        rmSync(join(this.folder, data), { force: true }); // nobody would find it
        throw error;
      }
      rmSync(this.stem + PART_RECORD, { force: true });
      const old = before && (before.data ? join(this.folder, before.data) : this.stem + DATA);
      if (old) rmSync(old, { force: true });
    });
    await this.finish();
  }

  async end(keep: boolean): Promise<void> {
    this.closeHandle();
    const size = statSync(this.stem + PART, { throwIfNoEntry: false })?.size ?? 0;
    if (this.lock.holds() && !(keep && size >= LEAST_PARTIAL_BYTES)) {
      for (const end of [PART_RECORD, PART]) rmSync(this.stem + end, { force: true });
    }
    await this.finish();
  }

  private async finish(): Promise<void> {
    await this.left?.file.close();
    this.lock.release();
  }

  private assertOwned(within = 0): void {
    if (!this.lock.holds(within))
      throw failure('io', this.url, 'another process has taken over keeping it, since this one did not move for long');
  }

  private closeHandle(): void {
    if (this.handle !== null) closeSync(this.handle);
    this.handle = null;
  }
}

/** Writes a file so that it is there whole, or as it was. */
function writeWhole(path: string, value: object): void {
  const text = `${path}.${randomUUID()}${TEXT}`;
  try {
    writeFileSync(text, JSON.stringify(value));
    renameSync(text, path);
  } catch (error) {
    rmSync(text, { force: true });
    throw error;
  }
}

function readJson<T>(path: string): T | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return null;
  }
}

async function guarded<T>(where: string, work: () => T): Promise<T> {
  try {
    return work();
  } catch (error) {
    if (error instanceof BeitError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') throw failure('quota', where, `there is no room to keep it (${sentenceOf(error)})`, error);
    throw failure('io', where, `the cache cannot be used (${sentenceOf(error)})`, error);
  }
}
