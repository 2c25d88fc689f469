/** Files of a folder on this machine (Node only). */
import { closeSync, constants, fstatSync, openSync, readSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { failure, sentenceOf } from '../base/errors.js';
import { CHUNK_BYTES, fileNotFound, isWeightsFile, weightsNameOf, type Source, type SourceDescription, type SourceFile } from './source.js';

type FolderDescription = Extract<SourceDescription, { kind: 'folder' }>;

/**
 * Returns the source of a path: a folder, or a weights file whose folder has the rest.
 * Null where there is nothing at that path. Throws unsupported for another file, and io for what may not be looked at.
 */
export function pathSource(path: string): FolderSource | null {
  const stat = statOf(path);
  if (!stat) return null;
  if (stat.isDirectory()) return new FolderSource({ kind: 'folder', label: path, folder: path, weightsName: weightsNameOf(namesIn(path)) });
  if (isWeightsFile(path) || (stat.isFile() && !basename(path).includes('.'))) {
    // without an ending its bytes tell
    return new FolderSource({ kind: 'folder', label: dirname(path), folder: dirname(path), weightsName: basename(path) });
  }
  throw failure(
    'unsupported',
    path,
    'it is neither a folder nor a weights file (.safetensors, .bin, .pth, .pth.tar, .ckpt, .msgpack, .pkl, or no ending)',
  );
}

function statOf(path: string): ReturnType<typeof statSync> | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    // What is too long, or has a zero in it, is the name of nothing.
    if (['ENAMETOOLONG', 'ERR_INVALID_ARG_VALUE'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw failure('io', path, `it cannot be looked at (${sentenceOf(error)})`, error);
  }
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    throw failure('io', path, `the folder cannot be read (${sentenceOf(error)})`, error);
  }
}

export class FolderSource implements Source {
  readonly label: string;
  readonly weightsName: string | undefined;

  constructor(private readonly description: FolderDescription) {
    this.label = description.label;
    this.weightsName = description.weightsName;
  }

  describe(): SourceDescription {
    return this.description;
  }

  async open(name: string): Promise<SourceFile> {
    return openLocalFile(name, join(this.description.folder, name), this.label);
  }
}

/** Returns the file at `path`. Throws not-found, said of `label`, or io. */
export function openLocalFile(name: string, path: string, label: string): SourceFile {
  let handle: number;
  try {
    // Of a pipe that nobody writes to, opening would wait for ever. Windows has neither.
    handle = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw fileNotFound(label, name);
    throw failure('io', path, `the file cannot be opened (${sentenceOf(error)})`, error);
  }
  const stat = fstatSync(handle);
  if (!stat.isFile()) {
    closeSync(handle);
    throw failure('io', path, 'it is not a file');
  }
  return new LocalFile(name, path, handle, stat.size);
}

class LocalFile implements SourceFile {
  private closed = false;

  constructor(
    readonly name: string,
    private readonly path: string,
    private readonly handle: number,
    readonly size: number,
  ) {}

  /**
   * Reads at once, since the target is linear memory: an unshared one may be detached by growing
   * while an asynchronous read is under way.
   */
  readSync(target: Uint8Array, offset: number): number {
    let done = 0;
    // Another file may have its number by now.
    if (this.closed) throw failure('io', this.path, 'the file has been closed');
    try {
      while (done < target.length) {
        const count = readSync(this.handle, target, done, target.length - done, offset + done);
        if (count === 0) break;
        done += count;
      }
    } catch (error) {
      throw failure('io', this.path, `the file cannot be read (${sentenceOf(error)})`, error);
    }
    return done;
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

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    closeSync(this.handle);
  }
}
