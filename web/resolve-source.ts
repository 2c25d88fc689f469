/** From what a user writes to a Source. */
import { BeitError, mismatch } from './errors.js';
import { HttpSource, hubSource, urlSource } from './source-http.js';
import { BlobSource, BytesSource } from './source-memory.js';
import {
  isHubId, isSource, isWeightsFile, WEIGHTS_FILE, type Source, type SourceDescription, type SourceLike, type SourceOptions,
} from './sources.js';

const EXPECTED = 'a hub id, a URL, File or Blob objects, bytes by name, or a Source';

/**
 * Returns the source of everything that is not a path of this machine. A string with a scheme, or
 * one that begins with "." or "/" or names a weights file, is a URL, relative to `base`; any
 * other is a hub id. Throws invalid-argument.
 */
export function resolveSource(source: SourceLike, options: SourceOptions, base: string | undefined): Source {
  if (isSource(source)) return source;
  if (source instanceof URL) return urlSource(source, options);
  if (typeof source === 'string') return fromText(source, options, base);
  if (typeof Blob === 'function' && source instanceof Blob) {
    return new BlobSource({ [nameOf(source)]: source });
  }
  if (typeof source !== 'object' || source === null) {
    throw mismatch('invalid-argument', 'source', source === null ? 'null' : typeof source, EXPECTED);
  }
  return isFileList(source) ? BlobSource.fromFiles(source) : fromRecord(source as Record<string, unknown>);
}

/** Returns a source that was posted to this thread. */
export function openDescription(description: SourceDescription): Source {
  switch (description.kind) {
    case 'http': return new HttpSource(description);
    case 'blobs': return new BlobSource(description.blobs, description.label);
    case 'folder': throw new BeitError('unsupported', `${description.label}: a folder cannot be opened here.`);
  }
}

function fromText(text: string, options: SourceOptions, base: string | undefined): Source {
  const hasScheme = /^[a-z][a-z0-9+.-]*:/i.test(text);
  if (!hasScheme && !isWeightsFile(text) && !/^[./]/.test(text)) {
    if (isHubId(text)) return hubSource(text, options);
    throw mismatch('invalid-argument', 'source', JSON.stringify(text), EXPECTED);
  }
  let url: URL;
  try {
    url = new URL(text, base);
  } catch (error) {
    throw new BeitError('invalid-argument', `source: ${JSON.stringify(text)} is not a URL.`, { where: 'source', got: text, cause: error });
  }
  return urlSource(url, options);
}

function isFileList(source: object): source is Iterable<File> {
  return Symbol.iterator in source && [...(source as Iterable<unknown>)].every((item) => typeof File === 'function' && item instanceof File);
}

function fromRecord(files: Record<string, unknown>): Source {
  const blobs: Record<string, Blob> = {};
  const bytes: Record<string, Uint8Array> = {};
  for (const [name, value] of Object.entries(files)) {
    if (value instanceof Uint8Array) bytes[name] = value;
    else if (value instanceof ArrayBuffer) bytes[name] = new Uint8Array(value);
    else if (value instanceof Blob) blobs[name] = value;
    else throw mismatch('invalid-argument', `source[${JSON.stringify(name)}]`, typeof value, 'Uint8Array, ArrayBuffer or Blob');
  }
  if (Object.keys(bytes).length === 0) return new BlobSource(blobs);
  if (Object.keys(blobs).length > 0) {
    throw mismatch('invalid-argument', 'source', 'bytes and Blobs together', 'one of the two');
  }
  return new BytesSource(bytes);
}

function nameOf(blob: Blob): string {
  return (blob as Partial<File>).name ?? WEIGHTS_FILE;
}
