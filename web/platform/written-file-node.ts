/** Files that Node writes: whole or not at all. */
import { randomBytes } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { failure, mismatch, sentenceOf } from '../base/errors.js';

/** A file that is written in parts of any order, and stands under its name only when it is whole. */
export class FileInParts {
  private readonly temporary: string;
  private handle: number | null = null;

  constructor(private readonly path: string) {
    this.temporary = temporaryNameOf(path);
  }

  /** Makes the file, `size` bytes of zero, under a temporary name beside its own. Throws io, like the rest. */
  begin(size: number): void {
    this.attempt(() => {
      this.handle = openSync(this.temporary, 'w');
      ftruncateSync(this.handle, size);
    });
  }

  write(offset: number, data: Uint8Array): void {
    this.attempt(() => {
      for (let done = 0; done < data.length; ) done += writeSync(this.handle!, data, done, data.length - done, offset + done);
    });
  }

  /** Gives the file its name. */
  finish(): void {
    this.attempt(() => {
      closeSync(this.handle!);
      this.handle = null;
      renameSync(this.temporary, this.path);
    });
  }

  /** Removes what is there of a file that is not whole. */
  abandon(): void {
    if (this.handle !== null) closeSync(this.handle);
    this.handle = null;
    rmSync(this.temporary, { force: true });
  }

  private attempt(work: () => void): void {
    attemptWrite(this.path, work);
  }
}

/** Returns a name that nothing else is written under, of this process either. */
export function temporaryNameOf(path: string): string {
  return `${path}.${process.pid}-${randomBytes(4).toString('hex')}.part`;
}

export function attemptWrite(path: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    throw failure('io', path, `the file cannot be written (${sentenceOf(error)})`, error);
  }
}

/** Files that others have, too, and how one of a model begins or what it names. */
const OF_MODELS: Readonly<Record<string, (text: string) => boolean>> = {
  'README.md': (text) => text.startsWith('---'), // what the hub reads of it
  'config.json': (text) => /"(model_type|architectures?|hidden_size)"\s*:/.test(text),
};

/** Throws invalid-argument where a model that is written into a folder would take the place of a file of another kind, such as a project's README.md. */
export function checkModelFolder(path: string, names: readonly string[] = Object.keys(OF_MODELS)): void {
  for (const name of names) {
    const file = join(path, name);
    let text: string;
    try {
      text = readFileSync(file, 'utf8').trim();
    } catch {
      continue; // it is not there, or cannot be written either
    }
    if (text !== '' && !OF_MODELS[name]?.(text))
      throw mismatch('invalid-argument', file, "a file that is no model's, which would be overwritten", 'another folder');
  }
}
