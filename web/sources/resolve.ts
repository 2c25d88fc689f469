/** From what a user writes to a Source. */
import { BeitError, mismatch } from '../base/errors.js';
import { isArrayBuffer, isArrayOf } from '../base/realms.js';
import { filesOf, isDropped, oneFolder, pathOf } from './drop.js';
import { HttpSource, hubSource, urlSource, type HttpEnvironment } from './http/source.js';
import { FilesSource, type HeldFile } from './memory.js';
import {
  isHubId,
  isSource,
  isWeightsFile,
  WEIGHTS_FILE,
  type Source,
  type SourceDescription,
  type SourceLike,
  type SourceOptions,
} from './source.js';

const EXPECTED = 'a hub id, a URL, File or Blob objects, a drop or a handle, bytes or streams by name, or a Source';

/** Where this runs: what addresses are relative to, and how files are fetched. */
export interface Surroundings {
  base: string | undefined;
  http: HttpEnvironment;
}

/**
 * Returns the source of everything that is not a path of this machine. A string with a scheme, or
 * one that begins with "." or "/" or names a weights file, is a URL, relative to the page; any
 * other is a hub id. What was dropped is taken before this returns, so that it may be called in the
 * event. Rejects with invalid-argument, or io where a folder cannot be read.
 */
export async function resolveSource(source: SourceLike, options: SourceOptions, around: Surroundings): Promise<Source> {
  if (isSource(source)) return source;
  if (source instanceof URL) return urlSource(source, options, around.http);
  if (typeof source === 'string') return fromText(source, options, around);
  if (source instanceof Blob) return new FilesSource({ [nameOf(source)]: source });
  if (source instanceof ReadableStream) return new FilesSource({ [WEIGHTS_FILE]: source }, 'stream');
  if (typeof source !== 'object' || source === null) {
    throw mismatch('invalid-argument', 'source', source === null ? 'null' : typeof source, EXPECTED);
  }
  // Bytes without a name; as a list they would be looked at one by one.
  if (ArrayBuffer.isView(source) || isArrayBuffer(source)) {
    throw mismatch('invalid-argument', 'source', 'bytes alone', `files by their names, such as { ${JSON.stringify(WEIGHTS_FILE)}: bytes }`);
  }
  if (isDropped(source)) return new FilesSource(oneFolder(await filesOf(source)));
  return isFileList(source)
    ? new FilesSource(oneFolder([...source].map((file) => [pathOf(file), file])))
    : fromRecord(source as Record<string, unknown>);
}

/** Returns a source that was posted to this thread. */
export function openDescription(description: SourceDescription, http: HttpEnvironment): Source {
  switch (description.kind) {
    case 'http':
      return new HttpSource(description, http);
    case 'blobs':
      return new FilesSource(description.blobs, description.label);
    case 'folder':
      throw new BeitError('unsupported', `${description.label}: a folder cannot be opened here.`);
  }
}

function fromText(text: string, options: SourceOptions, { base, http }: Surroundings): Source {
  const hasScheme = /^[a-z][a-z0-9+.-]*:/i.test(text);
  if (!hasScheme && !isWeightsFile(text) && !/^[./]/.test(text)) {
    if (isHubId(text)) return hubSource(text, options, http);
    throw mismatch('invalid-argument', 'source', JSON.stringify(text), EXPECTED);
  }
  let url: URL;
  try {
    url = new URL(text, base);
  } catch (error) {
    throw new BeitError('invalid-argument', `source: ${JSON.stringify(text)} is not a URL.`, { where: 'source', got: text, cause: error });
  }
  return urlSource(url, options, http);
}

function isFileList(source: object): source is Iterable<File> {
  return (
    Symbol.iterator in source && [...(source as Iterable<unknown>)].every((item) => typeof File === 'function' && item instanceof File)
  );
}

function fromRecord(given: Record<string, unknown>): Source {
  const files: Record<string, HeldFile> = {};
  for (const [name, value] of Object.entries(given)) {
    if (isArrayBuffer(value)) files[name] = new Uint8Array(value);
    else if (isArrayOf(value, Uint8Array) || value instanceof Blob || value instanceof ReadableStream) files[name] = value;
    else
      throw mismatch(
        'invalid-argument',
        `source[${JSON.stringify(name)}]`,
        typeof value,
        'Uint8Array, ArrayBuffer, Blob or ReadableStream: the files by their names (options come after the source)',
      );
  }
  return new FilesSource(files, Object.values(files).every((file) => isArrayOf(file, Uint8Array)) ? 'bytes' : 'files');
}

function nameOf(blob: Blob): string {
  return (blob as Partial<File>).name ?? WEIGHTS_FILE;
}
