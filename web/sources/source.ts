/** Where a checkpoint's files come from. Nothing here knows what is in them. */
import { failure, kindOf, mismatch, type BeitError } from '../base/errors.js';
import type { FromGlobal } from '../base/globals.js';
import { isArrayOf } from '../base/realms.js';
import type { RetryOptions } from './http/retry.js';

/** One open file. Reads are in the order in which the checkpoint wants the bytes. */
export interface SourceFile {
  readonly name: string;
  /** Bytes, or -1 when that is not known before the end. */
  readonly size: number;
  /**
   * Yields the bytes [offset, offset + length) in chunks of any size. Ends early where the file
   * does. A chunk is valid until the next one is asked for.
   */
  read(offset: number, length: number): AsyncIterable<Uint8Array>;
  /**
   * Where a file can be read at once into given memory: fills `target` from `offset` and returns
   * how many bytes that were (fewer only at the end of the file).
   */
  readSync?(target: Uint8Array, offset: number): number;
  /**
   * Called once everything wanted has been read: where the whole file is to be verified or kept,
   * reads the rest. Rejects with corrupt for bytes that are not what they should be.
   */
  finish?(): Promise<void>;
  /** Whether it is kept as it comes: then all of it comes. */
  readonly keeping?: boolean;
  /** Has the rest of a file come that is kept, which is told as a download: others may come meanwhile. No read before it has resolved. */
  fetchAll?(): Promise<void>;
  /**
   * Called where what was read makes no sense. Returns whether it was a kept copy that is not what was kept: then it has been taken away,
   * so that the next load fetches the file.
   */
  discardSpoilt?(): Promise<boolean>;
  /** Before finish() it ends what is under way. */
  close(): Promise<void>;
}

/** What a source tells while it works. */
export interface SourceWatch {
  /** Bytes fetched of a file that nobody asked for yet: it is kept or verified as a whole. `total`: 0 when it is not known. */
  onDownload?: ((name: string, loaded: number, total: number) => void) | undefined;
  /** A failure that does not stop the load, such as `quota`: a file that cannot be kept. */
  onWarning?: ((error: BeitError) => void) | undefined;
}

/** In what form weights can be kept: as `convert()` writes them with this dtype. */
export type Form = 'int8';

/** Weights that are kept in another form than they come in. */
export interface KeptForm {
  form: Form;
  /**
   * Returns whether one of these weights files is kept so, and is still what the server has: then open() gives that. Else open()
   * keeps no weights, until keep() or leave().
   */
  find(names: readonly string[], signal?: AbortSignal | null, watch?: SourceWatch): Promise<boolean>;
  /** Keeps what the file that open() gave has become. What fails is told as a warning. */
  keep(name: string, made: Blob, signal?: AbortSignal | null, watch?: SourceWatch): Promise<void>;
  /** Has weights kept as they come. */
  leave(): void;
}

/** A folder of files. Implement it to load checkpoints from anywhere else. */
export interface Source {
  /** For messages: the id, URL or path. */
  readonly label: string;
  /** The weights file, where the source names one; else the usual names are tried. */
  readonly weightsName?: string | undefined;
  /** Whether only what is kept is used. */
  readonly offline?: boolean | undefined;
  /** Set where weights are to be kept in another form. */
  readonly kept?: KeptForm | null;
  /** Opens a file. Rejects with code not-found when the source does not have it. */
  open(name: string, signal?: AbortSignal | null, watch?: SourceWatch): Promise<SourceFile>;
  /** The same source as plain data, for a worker to open by itself; null where that cannot be. */
  describe(): SourceDescription | null;
}

/** A source as data that can be posted to another thread. */
export type SourceDescription =
  | {
      kind: 'http';
      label: string;
      base: string;
      files: Record<string, string>;
      weightsName?: string | undefined;
      headers: Record<string, string>;
      hub?: { host: string; id: string; folder: string; revision: string };
      immutable?: boolean;
      retry?: RetryOptions | undefined;
      cache?: boolean | string | undefined;
      offline?: boolean | undefined;
      revalidate?: Revalidate | undefined;
      keepAs?: Form | undefined;
      sha256?: Record<string, string>;
      /** Files that need not be fetched, by their names. */
      texts?: Record<string, string>;
      /** The browser keeps the answers by what their server says. */
      keptByBrowser?: boolean;
    }
  | { kind: 'blobs'; label: string; blobs: Record<string, Blob> }
  | { kind: 'folder'; label: string; folder: string; weightsName?: string | undefined };

/**
 * What fromPretrained() takes: a hub id ("microsoft/beit-base-patch16-224"), the URL of a folder or
 * of a weights file (.safetensors, .bin, .pth, .msgpack, …), in Node also a path of either; what was
 * dropped or chosen (DataTransfer, File, Blob, a folder's handle); bytes, Blobs or streams by name; a
 * stream of a .safetensors file; or any object that is a Source.
 */
export type SourceLike =
  | string
  | URL
  | Blob
  | readonly File[]
  | FromGlobal<'FileList'>
  | Dropped
  | ReadableStream<Uint8Array>
  | Record<string, Blob | Uint8Array | ArrayBuffer | ReadableStream<Uint8Array>>
  | Source;

/** What a drop event has in `dataTransfer` or its `items`, and handles of showDirectoryPicker() and the like. */
export type Dropped =
  | FromGlobal<'DataTransfer'>
  | FromGlobal<'DataTransferItemList'>
  | FromGlobal<'FileSystemDirectoryHandle'>
  | FromGlobal<'FileSystemFileHandle'>;

export interface HubOptions {
  /** The hub's origin. Default: https://huggingface.co */
  host?: string | undefined;
  /** Branch, tag or commit. Default: main */
  revision?: string | undefined;
  /** Access token, sent as a bearer token to the hub only. */
  token?: string | undefined;
}

export type Revalidate = 'background' | 'first' | 'never';

export interface SourceOptions extends HubOptions {
  /** Sent with every request. */
  headers?: Record<string, string> | undefined;
  /** Used in place of the global fetch. */
  fetch?: typeof fetch | undefined;
  /** How often a request that failed, or a connection that broke off, is tried again. */
  retry?: RetryOptions | undefined;
  /**
   * Whether downloads are kept for the next time. Default: true in a page, false in Node, where a
   * folder to keep them in may be named.
   */
  cache?: boolean | string | undefined;
  /** Take only what is kept, and ask no server. Default: false */
  offline?: boolean | undefined;
  /**
   * When the server is asked whether what is kept is its newest version: in the `background`, so that the next load has it;
   * `first`, for three seconds at most; or `never`. Default: background
   */
  revalidate?: Revalidate | undefined;
  /**
   * Keep weights as int8 instead of as they come, as `convert()` writes them: of the 346 MB of a base model 89 are kept, which later
   * loads with this option read, and compute with unless `dtype` says f32. A download that breaks off begins anew in the next
   * call. Weights in shards are kept as they come; a `fetch` of the caller's cannot be used with it. Default: as they come
   */
  keepAs?: Form | undefined;
  /** SHA-256 of files by their names, as hexadecimal digits: what differs is refused, and every byte is read. */
  sha256?: Record<string, string> | undefined;
}

export const CONFIG_FILE = 'config.json';
export const PROCESSOR_FILE = 'preprocessor_config.json';
export const WEIGHTS_FILE = 'model.safetensors';
export const FLAX_FILE = 'flax_model.msgpack';
/** The names of weights files, in the order in which they are tried; an index names its shards. */
export const WEIGHTS_FILES: readonly string[] = [
  WEIGHTS_FILE,
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
  FLAX_FILE,
];

/** How many files of one source come at a time: a browser lets a page have six connections to a host. */
export const FILES_AT_ONCE = 3;

/** The most bytes that one chunk of a read has: small enough to stay in a processor's cache. */
export const CHUNK_BYTES = 1 << 20;

/** Throws invalid-argument for what is no piece of a read of which `room` bytes are to come: a source may be an object of the user's. */
export function checkChunk(where: string, chunk: unknown, room: number): void {
  if (isArrayOf(chunk, Uint8Array) && chunk.length <= room) return;
  const got = isArrayOf(chunk, Uint8Array) ? `${chunk.length} bytes` : kindOf(chunk);
  throw mismatch('invalid-argument', `${where}, read()`, got, `a Uint8Array of at most ${room} bytes`);
}

/** Returns whether `value` has the shape of a Source. */
export function isSource(value: unknown): value is Source {
  return typeof (value as Source | null)?.open === 'function' && typeof (value as Source).describe === 'function';
}

/** Returns whether `text` is written like a hub id: "name" or "owner/name". */
export function isHubId(text: string): boolean {
  return /^[A-Za-z0-9][\w.-]*(\/[A-Za-z0-9][\w.-]*)?$/.test(text) && !text.includes('..') && !isWeightsFile(text);
}

/** Returns whether a path or URL names a weights file rather than a folder. */
export function isWeightsFile(path: string): boolean {
  const name = path.toLowerCase();
  return [...KINDS, '.zip', '.safetensors.index.json', '.bin.index.json'].some((ending) => name.endsWith(ending));
}

/** Returns whether a file is the index of shards rather than weights. */
export function isShardIndex(name: string): boolean {
  return /\.index\.json$/i.test(name);
}

// By how surely a file of that kind is the checkpoint: a .safetensors may be any tensors.
const KINDS = ['.pth', '.pth.tar', '.pt', '.ckpt', '.safetensors', '.bin', '.msgpack', '.pkl'];

// A tokenizer's halves are asked for by these names: in their folder no other file is a guess for one.
const TOKENIZER_HALF = /^(encoder|decoder)\.(safetensors|pkl)$/;

/**
 * Returns the weights among a folder's files where none has a usual name: the only one of its kind.
 * Undefined where a usual name is there, and where nothing tells.
 */
export function weightsNameOf(names: readonly string[]): string | undefined {
  if (names.some((name) => WEIGHTS_FILES.includes(name) || TOKENIZER_HALF.test(name))) return undefined;
  for (const kind of KINDS) {
    const found = names.filter((name) => name.toLowerCase().endsWith(kind));
    if (found.length === 1) return found[0];
  }
  return undefined;
}

/** Returns the not-found error of a source without that file. */
export function fileNotFound(label: string, name: string, cause?: unknown): BeitError {
  return failure('not-found', `${label}/${name}`, 'there is no such file', cause);
}
