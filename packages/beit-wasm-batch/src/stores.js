/** Where shards are written: a folder, or a bucket of S3. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isAlive, partOf, writeWhole } from './files.js';
import { failure, isBucket, refusal, wrongKind } from './inputs.js';

// What passes by itself, or when somebody makes room.
const FULL = ['ENOSPC', 'EDQUOT'];

/** Returns the store at a folder, or at s3://BUCKET/PREFIX, whose library is loaded then. Throws invalid-argument for what is no text. */
export async function openStore(beit, output) {
  if (typeof output !== 'string') throw wrongKind(beit, 'folder', output, 'a path, or s3://…');
  if (isBucket(output)) return (await import('./s3.js')).openBucketStore(beit, output);
  return new Folder(beit, output);
}

/** A store has files, each whole or not there at all; a file may be a folder of files, given as { name: bytes }. */
class Folder {
  #beit;

  constructor(beit, path) {
    this.#beit = beit;
    /** As those who write into it name it, wherever they have been started. */
    this.address = resolve(path);
    this.output = path;
  }

  path(name) {
    return join(this.output, name);
  }

  /** Rejects with invalid-argument for what is no folder, and with io where the system refuses; so do the others. */
  async prepare() {
    this.#attempt(this.output, 'the folder cannot be made', () => mkdirSync(this.output, { recursive: true }));
  }

  async list() {
    return this.#attempt(this.output, 'the folder cannot be read', () => readdirSync(this.output));
  }

  /** Returns which of these files there are, as a set. */
  async among(names) {
    const there = new Set(await this.list());
    return new Set(names.filter((name) => there.has(name)));
  }

  async has(name) {
    return existsSync(this.path(name));
  }

  /** Returns a file's text, or null. */
  async read(name) {
    return existsSync(this.path(name)) ? (await this.bytes(name)).toString() : null;
  }

  async bytes(name) {
    return this.#attempt(this.path(name), 'the file cannot be read', () => readFileSync(this.path(name)));
  }

  #attempt(path, what, work) {
    try {
      return work();
    } catch (error) {
      throw refusal(this.#beit, path, error, what);
    }
  }

  /** Rejects with io, or with quota where the disk has no room; what takes long can be aborted by a signal. */
  async write(name, content) {
    try {
      writeWhole(this.path(name), content);
    } catch (error) {
      const code = FULL.includes(error.code) ? 'quota' : 'io';
      throw failure(this.#beit, code, this.path(name), `the file cannot be written (${error.message})`, error);
    }
  }

  /**
   * Removes what processes that were killed have left of files whose names are `ours`; with `alive` also what others are writing. Whatever else lies
   * there is not touched.
   */
  async tidy(ours, { alive = false } = {}) {
    for (const name of await this.list()) {
      const part = partOf(name);
      if (part && ours(part.whole) && (alive || !isAlive(part.writer))) rmSync(this.path(name), { recursive: true, force: true });
    }
  }
}
