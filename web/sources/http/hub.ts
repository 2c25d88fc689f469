/**
 * A repository as its hub tells it in one request: which commit a revision is, and which files that has, with sizes and sums.
 * What was told is kept, so that a load needs no answer.
 */
import { tell } from '../../base/callbacks.js';
import { asBeitError, type BeitError } from '../../base/errors.js';
import { addressInForm, type CachedFile, type CacheStore } from '../cache/store.js';
import type { Revalidate } from '../source.js';
import { get, NO_REVISION, versionOf, type HttpTarget } from './answer.js';
import { BodyReader } from './body-reader.js';
import type { HubPlace } from './hub-address.js';
import { isAway, untilBack } from './presence.js';
import { Transient } from './retry.js';

/** A file of a commit. */
export interface HubFile {
  /** Bytes; -1 where that is not told. */
  size: number;
  /** Of a large file; empty where there is none, or a gated repository's hub hides it. */
  sha256: string;
  /** What git calls the file, or what it has in place of a large one. */
  blob: string;
}

export interface HubListing {
  commit: string;
  /** By their paths in the repository. */
  files: ReadonlyMap<string, HubFile>;
}

/** What is kept of a revision. */
interface Note {
  current: HubListing;
  /** The commit before, of which more may be kept than of this one. */
  before: HubListing | null;
  /** The revision is another commit by now. */
  stale: boolean;
}

/** How a repository is asked for. */
export interface HubAsking {
  target: Pick<HttpTarget, 'fetch' | 'headers' | 'seesRedirects'>;
  store: CacheStore | null;
  offline: boolean;
  revalidate: Revalidate;
  /** Milliseconds after which a load without a list at hand goes the longer way. */
  timeout: number;
  /** Told why, when the network is waited for, until this stops it. */
  onAway: ((error: BeitError) => void) | undefined;
  signal: AbortSignal | null;
}

// With a list at hand nobody waits longer, see HttpSource.
const ASK_AGAIN_MS = 3000;
const CHECK_MS = 5000;
// A repository of some ten thousand files.
const MOST_BYTES = 32 << 20;

export class HubRepository {
  /** Why the hub has told nothing; null where it has, or was not asked. */
  refused: BeitError | null = null;
  /** It says that the repository is there, but not its revision. */
  unknownRevision = false;
  /** It was asked and has not answered. */
  silent = false;
  /** It has let all the time go by that it had. One that cannot be reached at once, as by a page of another origin, says nothing of the files. */
  late = false;
  private chosen: Promise<HubListing | null> | null = null;

  constructor(
    private readonly place: Pick<HubPlace, 'host' | 'id' | 'folder'> & { revision: string },
    private readonly label: string,
    /** Given what nobody waits for. */
    private readonly later: (work: Promise<void>) => void,
  ) {}

  /** Returns the same list for all files of a load; null where neither the hub nor what is kept has one. Never rejects. */
  listing(asking: HubAsking): Promise<HubListing | null> {
    this.chosen ??= this.choose(asking).catch(() => null);
    return this.chosen;
  }

  /** Returns the address of a file of a commit. */
  addressOf(commit: string, path: string): string {
    const { host, id } = this.place;
    return `${host}/${id}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;
  }

  private async choose(asking: HubAsking): Promise<HubListing | null> {
    const { store, offline, revalidate } = asking;
    const note = store && (await this.read(store));
    if (!note) return offline ? null : this.askInTheEnd(asking);
    const whole = note.before === null || (await this.hasAll(store, note.current, note.before));
    const kept = whole ? note.current : note.before!;
    if (whole && note.before && !offline) this.later(this.tidy(store, note.current, note.before));
    if (offline || revalidate === 'never' || (whole && isCommit(this.place.revision))) return kept;
    if (whole && !note.stale && revalidate === 'background') {
      this.later(this.check(asking, note));
      return note.current;
    }
    const before = whole ? note.current : note.before;
    return (await this.ask(asking, before, ASK_AGAIN_MS)) ?? kept;
  }

  /** As ask(), of a repository of which nothing is at hand: where there is no network it is waited for. */
  private async askInTheEnd(asking: HubAsking): Promise<HubListing | null> {
    for (;;) {
      const listing = await this.ask(asking, null, asking.timeout);
      if (listing || !this.silent || !isAway()) return listing;
      if (this.refused) tell(asking.onAway, this.refused);
      await untilBack(asking.signal);
    }
  }

  /** Asks the hub and keeps its answer. Returns null where there is none. */
  private async ask(asking: HubAsking, before: HubListing | null, timeout: number): Promise<HubListing | null> {
    try {
      const current = await this.fetch(asking, timeout);
      if (current) await this.write(asking.store, { current, before: before?.commit === current.commit ? null : before, stale: false });
      return current;
    } catch (thrown) {
      this.late = thrown instanceof Transient && thrown.late;
      this.refused = asBeitError(thrown instanceof Transient ? thrown.error : thrown);
      this.unknownRevision = this.refused.code === 'not-found' && this.refused.got === NO_REVISION;
      this.silent = this.refused.status === 0;
      return null;
    }
  }

  private async check(asking: HubAsking, note: Note): Promise<void> {
    try {
      const now = await this.fetch(asking, CHECK_MS);
      if (now && now.commit !== note.current.commit) await this.write(asking.store, { ...note, stale: true });
    } catch {
      // What is kept stays good for who cannot ask.
    }
  }

  private async fetch({ target }: HubAsking, timeout: number): Promise<HubListing | null> {
    const named = { ...target, name: 'the list of files', url: this.address, label: this.label, browserMayKeep: false };
    const answer = await get(named, -1, {}, null, timeout);
    try {
      return readListing(answer.body ? await textOf(new BodyReader(answer.body), timeout) : '');
    } finally {
      answer.end();
    }
  }

  private get address(): string {
    const { host, id, revision } = this.place;
    return `${host}/api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`;
  }

  /** Returns whether of the newer commit everything is kept that is kept of the older. */
  private async hasAll(store: CacheStore, newer: HubListing, older: HubListing): Promise<boolean> {
    const records = await this.records(store);
    return records.every(
      (record) =>
        !this.isOf(older, record) ||
        !newer.files.has(this.pathOf(record)) ||
        records.some((other) => other.file === record.file && other.form === record.form && this.isOf(newer, other)),
    );
  }

  /** Takes away what is kept of the older commit alone, unless another revision is that commit. Never rejects. */
  private async tidy(store: CacheStore, newer: HubListing, older: HubListing): Promise<void> {
    try {
      const others = (await store.notesOf(this.label)).map((text) => listingIn(text)?.commit);
      if (!others.includes(older.commit)) {
        for (const record of await this.records(store))
          if (this.isOf(older, record) && !this.isOf(newer, record)) await store.remove(record.url);
      }
      await this.write(store, { current: newer, before: null, stale: (await this.read(store))?.stale ?? false });
    } catch {
      // It takes room for longer.
    }
  }

  private async records(store: CacheStore): Promise<CachedFile[]> {
    return (await store.list()).filter(({ source }) => source === this.label);
  }

  private isOf({ commit, files }: HubListing, record: CachedFile): boolean {
    const path = this.pathOf(record);
    const file = files.get(path);
    if (!file) return false;
    const address = this.addressOf(commit, path);
    return record.url === (record.form ? addressInForm(address, record.form) : address) || isBlob(record, file);
  }

  private pathOf({ file }: CachedFile): string {
    return this.place.folder + file;
  }

  private async read(store: CacheStore): Promise<Note | null> {
    const text = await store.readNote(this.address).catch(() => null);
    const current = listingIn(text);
    if (text === null || !current) return null;
    const [, before, stale] = JSON.parse(text) as [string, string?, boolean?];
    return { current, before: readListing(before ?? ''), stale: stale ?? false };
  }

  private async write(store: CacheStore | null, { current, before, stale }: Note): Promise<void> {
    const text = JSON.stringify([textOfListing(current), before && textOfListing(before), stale]);
    // Where nothing can be kept this is not worth a warning.
    await store?.writeNote(this.address, this.label, text).catch(() => undefined);
  }
}

/** Returns the list that a note of a repository has, or null. */
function listingIn(note: string | null): HubListing | null {
  try {
    const [current] = JSON.parse(note ?? '[]') as [unknown];
    return typeof current === 'string' ? readListing(current) : null;
  } catch {
    return null;
  }
}

export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/i.test(revision);
}

/** Returns whether a kept file has the bytes of this one, whatever its commit: a hub's ETag of a small file is git's name for it. */
export function isBlob(record: CachedFile, file: HubFile): boolean {
  const { sha256, etag, size } = versionOf(record);
  if (file.size >= 0 && file.size !== size) return false;
  if (file.sha256) return sha256 === file.sha256;
  return file.blob !== '' && etag.replace(/^W\/|"/g, '') === file.blob;
}

/** Returns what a hub's API tells of a revision; null for what is something else. */
export function readListing(text: string): HubListing | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const { sha, siblings } = (value ?? {}) as { sha?: unknown; siblings?: unknown };
  if (typeof sha !== 'string' || !isCommit(sha) || !Array.isArray(siblings)) return null;
  const files = new Map<string, HubFile>();
  for (const sibling of siblings as unknown[]) {
    const { rfilename, size, blobId, lfs } = (sibling ?? {}) as Record<string, unknown>;
    if (typeof rfilename !== 'string') continue;
    const sum = String((lfs as { sha256?: unknown } | null | undefined)?.sha256 ?? '').toLowerCase();
    files.set(rfilename, {
      size: Number.isSafeInteger(size) ? (size as number) : -1,
      sha256: /^[0-9a-f]{64}$/.test(sum) ? sum : '',
      // That of a large file is git's name for what stands in its place.
      blob: typeof blobId === 'string' && !lfs ? blobId : '',
    });
  }
  return { commit: sha.toLowerCase(), files };
}

/** Returns the text of a list, as the hub writes it. */
function textOfListing({ commit, files }: HubListing): string {
  const siblings = [...files].map(([rfilename, { size, sha256, blob }]) => ({
    rfilename,
    ...(size >= 0 && { size }),
    ...(sha256 && { lfs: { sha256 } }),
    ...(blob && { blobId: blob }),
  }));
  return JSON.stringify({ sha: commit, siblings });
}

async function textOf(reader: BodyReader, timeout: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for (let bytes = 0; bytes <= MOST_BYTES; ) {
    const chunk = await reader.read(timeout);
    if (!chunk) return text + decoder.decode();
    bytes += chunk.length;
    text += decoder.decode(chunk, { stream: true });
  }
  await reader.cancel();
  return '';
}
