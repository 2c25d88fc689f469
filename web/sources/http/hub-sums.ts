/** SHA-256 sums of a hub's large files for whoever does not see its redirects, as a page does not. */
import type { HubPlace } from './hub-address.js';

/** How the hub is asked. */
export interface HubAsk {
  fetch: typeof fetch;
  headers: Record<string, string>;
  signal: AbortSignal | null;
}

// A load does not wait longer for what only verifies it.
const MOST_WAIT_MS = 5000;
// What git has in place of a large file takes less.
const MOST_POINTER_BYTES = 1024;

type Listing = Map<string, string>;

/** The sums of one place in a repository: of its list of files, or of a file's pointer. */
export class HubSums {
  private listing: Promise<Listing | null> | null = null;

  constructor(private readonly place: Pick<HubPlace, 'host' | 'id' | 'folder'> & { revision: string }) {}

  /** Returns the sum of a file; empty where the hub does not tell it. Never rejects: what is not verified still loads. */
  async of(name: string, ask: HubAsk): Promise<string> {
    const known = (await this.list(ask))?.get(name);
    // A file that is not large has no sum; one of a gated repository has asterisks.
    if (known === '' || (known !== undefined && isSum(known))) return known;
    return this.pointer(name, ask);
  }

  private async list(ask: HubAsk): Promise<Listing | null> {
    this.listing ??= this.fetchListing(ask);
    const listing = await this.listing;
    if (!listing) this.listing = null; // another file may have more luck
    return listing;
  }

  private async fetchListing(ask: HubAsk): Promise<Listing | null> {
    const { host, id, folder, revision } = this.place;
    const path = folder ? `/${pathOf(folder.replace(/\/$/, ''))}` : '';
    const text = await textOf(`${host}/api/models/${id}/tree/${encodeURIComponent(revision)}${path}`, ask, Infinity);
    return text === null ? null : readListing(text, folder);
  }

  private async pointer(name: string, ask: HubAsk): Promise<string> {
    const { host, id, folder, revision } = this.place;
    const text = await textOf(`${host}/${id}/raw/${encodeURIComponent(revision)}/${pathOf(folder + name)}`, ask, MOST_POINTER_BYTES);
    return sumInPointer(text ?? '');
  }
}

/** Returns `lfs.oid` by file name, empty for a file that has none; null for what is no list of files. */
export function readListing(text: string, folder: string): Listing | null {
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Array.isArray(entries)) return null;
  const found: Listing = new Map();
  for (const entry of entries as unknown[]) {
    const { path, lfs } = (entry ?? {}) as { path?: unknown; lfs?: { oid?: unknown } | null };
    if (typeof path !== 'string' || !path.startsWith(folder)) continue;
    found.set(path.slice(folder.length), lfs ? String(lfs.oid).toLowerCase() : '');
  }
  return found;
}

/** Returns the sum in the text that git keeps in place of a large file, or an empty string. */
export function sumInPointer(text: string): string {
  if (!text.startsWith('version https://git-lfs.github.com/spec/')) return '';
  return /^oid sha256:([0-9a-f]{64})$/m.exec(text)?.[1] ?? '';
}

function isSum(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

function pathOf(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

/** Returns the text at an address, of at most so many bytes; null where there is none, or it takes too long. */
async function textOf(url: string, { fetch, headers, signal }: HubAsk, most: number): Promise<string | null> {
  const limit = new AbortController();
  const stop = (): void => limit.abort();
  const timer = setTimeout(stop, MOST_WAIT_MS);
  signal?.addEventListener('abort', stop, { once: true });
  try {
    if (signal?.aborted) return null;
    const response = await fetch(url, { headers, signal: limit.signal });
    if (!response.ok || !response.body) {
      await response.body?.cancel();
      return null;
    }
    return await readUpTo(response.body, most);
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}

async function readUpTo(body: ReadableStream<Uint8Array>, most: number): Promise<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let read = 0; read <= most; ) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    read += value.length;
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel();
  return '';
}
