/** Where downloads are kept. Types only. */
import type { SourceFile } from '../source.js';

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
}

/** A file on its way into a store. Nothing is kept before commit(). */
export interface CacheWriter {
  /** Takes the next bytes; they may be used again afterwards. Rejects with `quota` or `io`. */
  write(bytes: Uint8Array): Promise<void>;
  commit(record: CachedFile): Promise<void>;
  /** Takes away what was written. Never rejects. */
  abort(): Promise<void>;
}

/** Where files are kept: browser.ts or node.ts. Methods reject with `quota` or `io`. */
export interface CacheStore {
  find(url: string): Promise<{ record: CachedFile; open(): Promise<SourceFile> } | null>;
  /** `size` in bytes, or -1 when it is not known. */
  write(url: string, size: number): Promise<CacheWriter>;
  list(): Promise<CachedFile[]>;
  remove(url: string): Promise<void>;
  /** Removes everything, also what an interrupted download has left. */
  clear(): Promise<void>;
}
