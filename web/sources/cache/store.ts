/** Where downloads are kept. Types, and what both stores hold to. */
import type { Form, SourceFile } from '../source.js';

/** A file that is kept: whole, and verified where its SHA-256 was known. Plain data. */
export interface CachedFile {
  /** Where it came from, its revision included. No two kept files have the same. */
  url: string;
  /** What it belongs to: a hub id, or the URL of a folder. */
  source: string;
  /** Its name in there, such as "model.safetensors". */
  file: string;
  bytes: number;
  /** When it was fetched: ISO 8601. */
  saved: string;
  /** What the server said of this version; empty where it said nothing. */
  etag: string;
  lastModified: string;
  /** 64 hexadecimal digits; empty where it was not known. */
  sha256: string;
  /** The server was found to have another version by now, which the next load asks for. */
  stale?: boolean;
  /** It is kept in another form than it came in: `bytes` are those of what is kept, all else is of the original. */
  form?: Form;
  /** With `form`: the bytes of what came. */
  originalBytes?: number;
}

/** Returns where a file is kept in a form: no address that a server is asked for. */
export function addressInForm(url: string, form: Form): string {
  const address = new URL(url);
  address.searchParams.set('kept-as', form);
  return address.href;
}

/** A whole file in a store. */
export interface KeptFile {
  record: CachedFile;
  open(): Promise<SourceFile>;
}

/** The bytes that an earlier download of a file has left, from its start. */
export interface PartialFile {
  /** As when it began, `bytes` being those of the whole file, or -1. */
  record: CachedFile;
  file: SourceFile;
}

/**
 * A file on its way into a store, for the only one who writes it: until commit() or end(), no other tab, process or thread
 * is given a writer of the same file. Nothing is found before commit(). Methods reject with `quota` or `io`.
 */
export interface CacheWriter {
  /** What an earlier download has left; null: nothing that may be used. */
  readonly left: PartialFile | null;
  /**
   * Called once, before the first write(): the version that the server names, `bytes` being its size or -1. With `resume`
   * what comes next belongs behind the bytes that were left, else they are dropped.
   */
  begin(record: CachedFile, resume: boolean): Promise<void>;
  /** Takes the next bytes; they may be used again afterwards. */
  write(bytes: Uint8Array): Promise<void>;
  commit(record: CachedFile): Promise<void>;
  /** Ends without a whole file: with `keep` what has come is left for a later download. Never rejects. */
  end(keep: boolean): Promise<void>;
}

/** Where files are kept: browser.ts or node.ts. Methods reject with `quota` or `io`. */
export interface CacheStore {
  find(url: string): Promise<KeptFile | null>;
  /** Returns a writer, or null while somebody else writes that file. */
  write(url: string): Promise<CacheWriter | null>;
  /** Returns how many bytes of a file have come, whoever fetches it; 0 where nobody has begun. */
  progress(url: string): Promise<number>;
  /** Marks a kept file whose server has another version, unless another has been kept meanwhile. */
  outdate(record: CachedFile): Promise<void>;
  list(): Promise<CachedFile[]>;
  /** Removes a file, or what an interrupted download has left of it. */
  remove(url: string): Promise<void>;
  /** Returns a note of writeNote(); null where there is none. */
  readNote(url: string): Promise<string | null>;
  /** Keeps a text that is no file, such as a repository's list of them; null removes it. It is not listed. */
  writeNote(url: string, source: string, text: string | null): Promise<void>;
  /** Returns the texts of a source's notes. */
  notesOf(source: string): Promise<string[]>;
  /** Removes the notes of a source, and what interrupted downloads of it have left. */
  forget(source: string): Promise<void>;
  /** Removes everything, also what an interrupted download has left, but not what somebody is writing now. */
  clear(): Promise<void>;
}

/** What of a download is worth being gone on with: less is fetched sooner than looked up. */
export const LEAST_PARTIAL_BYTES = 1 << 20;

/** Returns whether so many bytes that a download has left are worth being gone on with, and no more than the whole file. */
export function mayGoOn({ bytes }: CachedFile, size: number): boolean {
  return size >= LEAST_PARTIAL_BYTES && (bytes < 0 || size <= bytes);
}

/** What an interrupted download has left is taken away when nobody has gone on with it for so long. */
export const ABANDONED_MS = 7 * 24 * 3600 * 1000;
