/** Folders on servers: which address a file has, and whether it comes from there or from the cache. */
import { tell } from '../../base/callbacks.js';
import { asBeitError, type BeitError, failure, kindOf, mismatch } from '../../base/errors.js';
import { abortable, sleep, throwIfAborted } from '../../base/scheduling.js';
import { Sha256 } from '../../core/sha256.js';
import { addressInForm, type CachedFile, type CacheStore, type CacheWriter, type KeptFile } from '../cache/store.js';
import { BlobFile, BytesFile } from '../memory.js';
import { countsAsMissing } from '../missing.js';
import {
  FILES_AT_ONCE,
  fileNotFound,
  isShardIndex,
  isWeightsFile,
  type Form,
  type KeptForm,
  type Source,
  type SourceDescription,
  type SourceFile,
  type SourceOptions,
  type SourceWatch,
} from '../source.js';
import { absenceOf, rememberedAbsence } from './absence.js';
import { get, reasonOf, sameVersion, versionOf, type HttpTarget, type Version } from './answer.js';
import { HttpFile, type Hasher } from './file.js';
import { decoded, HUB_HOST, hubPlace } from './hub-address.js';
import { timeoutOf } from './retry.js';
import { HubRepository, isBlob, isCommit, type HubFile } from './hub.js';
import { pointerSum } from './hub-pointer.js';

export type HttpDescription = Extract<SourceDescription, { kind: 'http' }>;

/** What differs between a browser and Node. */
export interface HttpEnvironment {
  /** Returns the store that the option `cache` names; null where nothing is kept. */
  openCache(where: boolean | string | undefined): Promise<CacheStore | null>;
  newHasher(): Hasher;
  /** Called where something is about to be kept: has the host not take it away for want of room. */
  persist?(): void;
  /** Whether fetch shows redirects; a browser's does not. */
  seesRedirects: boolean;
}

/** Keeps nothing. */
export const PLAIN_HTTP: HttpEnvironment = { openCache: async () => null, newHasher: () => new Sha256(), seesRedirects: false };

/** Returns the source of a hub repository, or of a folder or weights file in it: its files as transformers addresses them. */
export function hubSource(
  id: string,
  options: SourceOptions = {},
  environment = PLAIN_HTTP,
  { folder = '', weightsName = null as string | null } = {},
): HttpSource {
  const host = (options.host ?? HUB_HOST).replace(/\/+$/, '');
  const revision = options.revision ?? 'main';
  const headers = { ...options.headers };
  if (options.token) headers['Authorization'] = `Bearer ${options.token}`;
  announce(options, environment);
  const base = `${host}/${id}/resolve/${encodeURIComponent(revision)}/${folder.split('/').map(encodeURIComponent).join('/')}`;
  return new HttpSource(
    {
      kind: 'http',
      label: folder ? `${id}/${folder.slice(0, -1)}` : id,
      base,
      files: {},
      headers,
      ...(weightsName !== null && { weightsName }),
      hub: { host, id, folder, revision },
      immutable: isCommit(revision),
      ...choices(options),
    },
    environment,
    options.fetch,
  );
}

/** Throws invalid-argument for an address that no file can be fetched from, or whose files have no neighbours: those of data: and blob:. */
function checkAddress(url: URL, { fetch }: SourceOptions): void {
  const hasPath = url.href.startsWith(`${url.protocol}/`);
  if (!hasPath)
    throw mismatch(
      'invalid-argument',
      'source',
      `an address of ${url.protocol}`,
      'one that has files beside it, such as of https:, or the Blob itself',
    );
  if (!fetch && (url.username || url.password))
    throw mismatch(
      'invalid-argument',
      'source',
      'an address with a password, which fetch() refuses',
      'one without, and Authorization in the option headers',
    );
}

/**
 * Returns the source of a URL: of a folder, or of a weights file whose folder has the rest; of a hub's page what it shows. Throws invalid-argument
 * for one that can have none.
 */
export function urlSource(url: URL, options: SourceOptions = {}, environment = PLAIN_HTTP): HttpSource {
  checkAddress(url, options);
  const place = hubPlace(url, options.host ?? undefined);
  if (place) {
    const { id, host, revision } = place;
    return hubSource(id, { ...options, host, revision: revision ?? options.revision }, environment, place);
  }
  announce(options, environment);
  const headers = { ...options.headers };
  const name = decoded(url.pathname.split('/').pop() ?? '');
  const make = (description: Pick<HttpDescription, 'label' | 'base' | 'files' | 'weightsName'>): HttpSource =>
    new HttpSource({ kind: 'http', headers, ...description, ...choices(options) }, environment, options.fetch);
  if (isWeightsFile(name)) {
    // A query that lets this file be read may let its neighbours be.
    const base = new URL('.', url);
    base.search = url.search;
    return make({ label: base.origin + base.pathname.replace(/\/$/, ''), base: base.href, files: { [name]: url.href }, weightsName: name });
  }
  const base = new URL(url);
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  return make({ label: base.origin + base.pathname.replace(/\/$/, ''), base: base.href, files: {} });
}

function announce({ cache, offline }: SourceOptions, { persist }: HttpEnvironment): void {
  if (cache !== false && !offline) persist?.();
}

/** Throws invalid-argument for headers that no request can have, without what they are: each attempt would fail by them. */
function checkHeaders(headers: Record<string, string>): void {
  try {
    new Headers(headers);
  } catch {
    throw mismatch(
      'invalid-argument',
      'headers',
      'one that cannot be sent',
      'names and values of HTTP headers (the option token makes one, too)',
    );
  }
}

type Choices = Pick<HttpDescription, 'retry' | 'cache' | 'offline' | 'revalidate' | 'keepAs' | 'sha256'>;

function choices({ retry, cache, offline, revalidate = 'background', keepAs, sha256, fetch }: SourceOptions): Choices {
  if (keepAs !== undefined && !FORMS.includes(keepAs)) throw mismatch('invalid-argument', 'keepAs', kindOf(keepAs), FORMS.join(', '));
  if (keepAs !== undefined && fetch) throw mismatch('invalid-argument', 'keepAs', 'the option fetch beside it', 'one of the two');
  if (!REVALIDATE.includes(revalidate)) throw mismatch('invalid-argument', 'revalidate', kindOf(revalidate), REVALIDATE.join(', '));
  const lower = Object.fromEntries(Object.entries(sha256 ?? {}).map(([name, digits]) => [name, digits.toLowerCase()]));
  return { retry: retry ?? undefined, cache, offline, revalidate, keepAs, sha256: lower };
}

const FORMS: readonly string[] = ['int8'] satisfies Form[];
const REVALIDATE: readonly string[] = ['background', 'first', 'never'] satisfies SourceOptions['revalidate'][];

// With a copy at hand nobody waits longer for a server.
const ASK_MS = 3000;
// Nobody waits for this, but a Node process does not end before it.
const CHECK_MS = 5000;
// How often is looked whether another tab or process has come to the end of the same file, and how long it may stand still.
const LOOK_MS = 200;
const MOST_STILL_MS = 20_000;

/** What one call of open() is about. */
interface Wanted {
  name: string;
  url: string;
  /** The SHA-256 that the caller gave; else empty. */
  given: string;
  /** The address means these bytes for ever. */
  immutable: boolean;
  /** What the hub tells of it. */
  listed: HubFile | null;
  /** Of a hub: the commit, where it is known, else the branch or tag. */
  revision: string;
  store: CacheStore | null;
  signal: AbortSignal | null;
  watch: SourceWatch;
}

/** A folder on a server. */
export class HttpSource implements Source {
  readonly label: string;
  readonly weightsName: string | undefined;
  readonly offline: boolean;
  /** The files whose bodies are open, the one that was used last behind the others. */
  private active: HttpFile[] = [];
  private readonly repository: HubRepository | null;
  /** Questions that no load waits for. */
  private readonly checks: Promise<void>[] = [];
  /** The server has left a question unanswered: what is at hand is used without another. */
  private silent = false;
  /** What openStore() gives: a load asks for several files. */
  private store: Promise<CacheStore | null> | null = null;
  /** Failures to keep that were told. */
  private readonly told = new Set<string>();
  readonly kept: KeptForm | null;
  /** What is kept in another form, and is to be given in place of the file. */
  private inForm: KeptFile | null = null;
  /** Weights are about to become something else, which is kept instead. */
  private changing = false;
  /** The versions of the files that open() has given. */
  private readonly given = new Map<string, Version>();

  constructor(
    private readonly description: HttpDescription,
    private readonly environment: HttpEnvironment,
    private readonly customFetch?: typeof fetch,
  ) {
    checkHeaders(description.headers);
    this.label = description.label;
    this.offline = description.offline ?? false;
    this.weightsName = description.weightsName;
    this.repository = description.hub ? new HubRepository(description.hub, description.label, (work) => this.checks.push(work)) : null;
    const { keepAs } = description;
    this.kept = keepAs
      ? {
          form: keepAs,
          find: (names, signal = null, watch = {}) => this.findInForm(keepAs, names, signal, watch),
          keep: (name, made, signal = null, watch = {}) => this.keepInForm(keepAs, name, made, signal, watch),
          leave: () => {
            this.changing = false;
          },
        }
      : null;
  }

  describe(): SourceDescription | null {
    return this.customFetch ? null : this.description;
  }

  /** Resolves when the server has been asked about all that was used as it is kept. Never rejects. */
  async checked(): Promise<void> {
    while (this.checks.length > 0) await this.checks.shift();
  }

  async open(name: string, signal: AbortSignal | null = null, given: SourceWatch = {}): Promise<SourceFile> {
    const { offline = false, revalidate = 'background', texts = {} } = this.description;
    if (Object.hasOwn(texts, name)) return new BytesFile(name, new TextEncoder().encode(texts[name]));
    const inForm = this.inForm?.record.file === name ? await this.openKept(this.inForm, await this.store) : null;
    if (inForm) return inForm;
    const wanted = await this.wantedOf(name, signal, given);
    const kept = await this.keptOf(wanted);
    const unasked = offline || wanted.immutable || revalidate === 'never';
    const later = revalidate === 'background' && kept !== null && !kept.record.stale;
    if (kept && (unasked || later || this.silent)) {
      const file = await this.openKept(kept, wanted.store);
      if (file && !unasked && !this.silent) this.checks.push(this.check(kept, wanted));
      if (file) this.given.set(name, versionOf(kept.record));
      if (file) return file;
    }
    const absence = kept ? null : await this.absenceOf(wanted);
    if (absence && (unasked || this.silent)) throw offline ? fileNotFound(this.label, name) : absence;
    if (offline) throw failure('not-found', `${this.label}/${name}`, 'it is not in the cache, and the option offline forbids to fetch it');
    return this.fetched(wanted, kept, absence);
  }

  private async wantedOf(name: string, signal: AbortSignal | null, given: SourceWatch): Promise<Wanted> {
    const { sha256 = {} } = this.description;
    const watch = { ...given, onWarning: (error: BeitError) => this.warn(given, error) };
    const store = await this.openStore(watch);
    throwIfAborted(signal);
    return { ...(await this.placeOf(name, store, signal, watch)), name, given: sha256[name] ?? '', store, signal, watch };
  }

  private async findInForm(form: Form, names: readonly string[], signal: AbortSignal | null, watch: SourceWatch): Promise<boolean> {
    for (const name of this.weightsName ? [this.weightsName] : names) {
      if (isShardIndex(name)) continue;
      try {
        const wanted = await this.wantedOf(name, signal, watch);
        if (!wanted.store) return true; // nothing can be kept, so nothing is to be made for it
        const kept = await this.keptOf(wanted, form);
        if (!kept || !(await this.isCurrent(kept, wanted))) continue;
        this.inForm = kept;
        return true;
      } catch (error) {
        if (!countsAsMissing(error)) throw error;
      }
    }
    this.changing = !this.description.offline;
    return false;
  }

  /** Returns whether a kept file may be used: its server has no other, or is asked later, or does not answer. */
  private async isCurrent(kept: KeptFile, wanted: Wanted): Promise<boolean> {
    const { offline = false, revalidate = 'background' } = this.description;
    if (offline || wanted.immutable || revalidate === 'never' || this.silent) return true;
    if (revalidate === 'first' || kept.record.stale) return (await this.sameThere(kept, wanted, ASK_MS)) ?? true;
    this.checks.push(this.check(kept, wanted));
    return true;
  }

  private async keepInForm(form: Form, name: string, made: Blob, signal: AbortSignal | null, watching: SourceWatch): Promise<void> {
    this.changing = false;
    const { url, store, watch, given } = await this.wantedOf(name, signal, watching);
    const version = this.given.get(name);
    if (!store || !version) return;
    const { etag, lastModified, size } = version;
    const sha256 = given || version.sha256;
    const address = addressInForm(url, form);
    const saved = new Date().toISOString();
    const facts = { etag, lastModified, sha256, form, ...(size >= 0 && { originalBytes: size }) };
    const record: CachedFile = { url: address, source: this.label, file: name, bytes: made.size, saved, ...facts };
    let writer: CacheWriter | null = null;
    try {
      writer = await store.write(address);
      if (!writer) return; // another tab or process keeps the same
      await writer.begin(record, false);
      for await (const chunk of new BlobFile(name, made).read(0, made.size)) await writer.write(chunk);
      throwIfAborted(signal);
      await writer.commit(record);
    } catch (error) {
      await writer?.end(false);
      throwIfAborted(signal);
      tell(watch.onWarning, asBeitError(error));
    }
  }

  /** Returns where the file is: where its hub has told it, in the commit that all of a load is of. Rejects with not-found. */
  private async placeOf(
    name: string,
    store: CacheStore | null,
    signal: AbortSignal | null,
    watch: SourceWatch,
  ): Promise<Pick<Wanted, 'url' | 'immutable' | 'listed' | 'revision'>> {
    const { hub, offline = false, revalidate = 'background', immutable = false, retry = {} } = this.description;
    const { repository } = this;
    const asking = { target: this.requests(), store, offline, revalidate, timeout: timeoutOf(retry), signal, onAway: watch.onWarning };
    const listing = repository && (await abortable(repository.listing(asking), signal, () => undefined));
    this.silent ||= repository?.late ?? false;
    if (repository?.unknownRevision) {
      throw mismatch('invalid-argument', 'revision', hub!.revision, `a branch, a tag or a commit that ${this.label} has`);
    }
    if (!repository || !listing) return { url: this.addressOf(name), immutable, listed: null, revision: hub?.revision ?? '' };
    const path = hub!.folder + name;
    const listed = listing.files.get(path);
    if (!listed) throw fileNotFound(this.label, name);
    return { url: repository.addressOf(listing.commit, path), immutable: true, listed, revision: listing.commit };
  }

  /** Returns the file from the server; what is at hand instead where that does not answer. */
  private async fetched(wanted: Wanted, kept: KeptFile | null, absence: BeitError | null): Promise<SourceFile> {
    const { name, given, immutable, listed, revision, store, signal, watch } = wanted;
    const writer = this.changing && isWeightsFile(name) && !isShardIndex(name) ? null : await this.writerOf(wanted, kept === null);
    // Somebody may have kept it since it was looked for.
    const now = writer && (await this.keptOf(wanted));
    if (now && now.record.saved !== kept?.record.saved) {
      await writer.end(true);
      const file = await this.openKept(now, store);
      if (file) return file;
    }
    const target = this.targetOf(wanted);
    const { retry = {}, hub } = this.description;
    // A small file has no sum. Beside the request for the file, where its answer cannot have the sum and a download is sure.
    const unknown = hub && given === '' && !listed?.sha256 && !listed?.blob && isWeightsFile(name);
    const askSum = async (): Promise<string> =>
      listed?.sha256 || (unknown ? pointerSum({ ...hub, revision }, hub.folder + name, target, signal) : '');
    const early = target.seesRedirects || kept ? null : askSum();
    const atHand = kept !== null || absence !== null;
    const file = new HttpFile({
      target,
      retry: atHand ? { ...retry, attempts: 0, timeout: ASK_MS } : retry,
      sha256: given,
      newHasher: this.environment.newHasher,
      immutable,
      signal,
      watch,
      activate: async (self) => {
        if (!isWeightsFile(name)) return; // it is read at once
        this.active = [...this.active.filter((other) => other !== self), self];
        if (this.active.length <= FILES_AT_ONCE) return;
        const idle = this.active.find((other) => !other.busy) ?? this.active[0]!;
        this.active = this.active.filter((other) => other !== idle);
        await idle.pause();
      },
    });
    const giveUp = async (): Promise<void> => {
      await file.close();
      await writer?.end(true);
    };
    try {
      await file.open(store, writer);
    } catch (error) {
      await giveUp();
      throwIfAborted(signal);
      const failed = asBeitError(error);
      if (atHand && failed.code === 'network' && failed.status === 0) this.silent = true;
      // A page in its place is that of a network which wants a login first.
      const instead = kept && (await this.openKept(kept, wanted.store));
      if (instead) return instead;
      if (absence && ['network', 'html'].includes(failed.code)) throw absence;
      await this.remember(wanted, failed);
      throw failed;
    }
    if (file.version) this.given.set(name, file.version);
    if (kept && file.version && sameVersion(versionOf(kept.record), file.version)) {
      const same = await this.openKept(kept, wanted.store);
      if (same) {
        await giveUp();
        return same;
      }
    }
    if (!file.sha256) file.expect(await (early ?? askSum()));
    if (file.version && file.version.size < 0 && listed) file.version.size = listed.size;
    if (signal?.aborted) await giveUp();
    throwIfAborted(signal);
    file.patience(retry);
    if (absence) await this.remember(wanted, null);
    if (writer) await file.keep();
    return file;
  }

  /** Returns the file, or null where it has been taken away meanwhile. */
  private async openKept({ record, open }: KeptFile, store: CacheStore | null = null): Promise<SourceFile | null> {
    const file = await open().catch(() => null);
    if (!file || !store || !(record.sha256 || record.form)) return file;
    const discardSpoilt = async (): Promise<boolean> => {
      // What was made here was well-formed; the sum is that of what it was made of.
      if (!record.form) {
        const hasher = this.environment.newHasher();
        for await (const chunk of file.read(0, record.bytes)) hasher.update(chunk);
        if (hasher.digest() === record.sha256) return false;
      }
      await file.close();
      await store.remove(record.url);
      return true;
    };
    return Object.assign(file, { discardSpoilt });
  }

  /** Returns the kept file, in that form or as it came, unless another sum is wanted. */
  private async keptOf({ store, url, given, name, listed, watch }: Wanted, form?: Form): Promise<KeptFile | null> {
    try {
      let found = (await store?.find(form ? addressInForm(url, form) : url)) ?? null;
      if (!found && store && listed) {
        // Most files are the same in the next commit.
        const candidates = (await store.list()).filter((kept) => kept.source === this.label && kept.file === name && kept.form === form);
        const same = candidates.find((kept) => isBlob(kept, listed));
        found = same ? await store.find(same.url) : null;
      }
      return found && (given === '' || found.record.sha256 === given) ? found : null;
    } catch (error) {
      tell(watch.onWarning, asBeitError(error));
      return null;
    }
  }

  /**
   * Returns the right to keep the file; null where it is not to be kept. With `wait` another tab's or process' download of the
   * same file is waited for, as long as that gets on.
   */
  private async writerOf({ store, url, name, signal, watch }: Wanted, wait: boolean): Promise<CacheWriter | null> {
    try {
      for (let seen = -1, still = 0; store; still += LOOK_MS) {
        const writer = await store.write(url);
        if (writer || !wait || still > MOST_STILL_MS) return writer;
        const bytes = await store.progress(url);
        if (bytes > seen) {
          if (bytes > 0) tell(watch.onDownload, name, bytes, 0);
          seen = bytes;
          still = 0;
        }
        await sleep(LOOK_MS, signal);
      }
    } catch (error) {
      throwIfAborted(signal);
      tell(watch.onWarning, asBeitError(error));
    }
    return null;
  }

  /** Asks whether the server still has the version that is kept, and marks it where it has another. Never rejects. */
  private async check(kept: KeptFile, wanted: Wanted): Promise<void> {
    if ((await this.sameThere(kept, wanted, CHECK_MS)) === false) await wanted.store?.outdate(kept.record).catch(() => undefined);
  }

  /** Returns whether the server has the version that is kept; null where it does not answer: what is kept stays good for who cannot ask. */
  private async sameThere({ record }: KeptFile, wanted: Wanted, timeout: number): Promise<boolean | null> {
    try {
      const answer = await get(this.targetOf(wanted), isWeightsFile(wanted.name) ? 0 : -1, {}, null, timeout);
      await answer.body?.cancel().catch(() => undefined);
      answer.end();
      return sameVersion(versionOf(record), answer.version);
    } catch {
      return null;
    }
  }

  /** Returns with what the server said earlier that it does not have the file, or null. */
  private async absenceOf({ store, url }: Wanted): Promise<BeitError | null> {
    return rememberedAbsence((await store?.readNote(url).catch(() => null)) ?? null);
  }

  /** Remembers that an optional file is missing, or that it is there. */
  private async remember({ store, url }: Wanted, error: BeitError | null): Promise<void> {
    if (error && !countsAsMissing(error)) return;
    // Where nothing can be kept this is not worth a warning.
    await store?.writeNote(url, this.label, error && absenceOf(error)).catch(() => undefined);
  }

  /** Tells a failure to keep once a load, and all others. */
  private warn(watch: SourceWatch, error: BeitError): void {
    const keeping = error.code === 'quota' || error.code === 'io';
    if (keeping && this.told.has(error.code)) return;
    if (keeping) this.told.add(error.code);
    tell(watch.onWarning, error);
  }

  private async openStore(watch: SourceWatch): Promise<CacheStore | null> {
    const { base, cache, offline } = this.description;
    if (cache === false || !/^https?:/.test(base)) return null;
    try {
      return await (this.store ??= this.environment.openCache(cache));
    } catch (error) {
      this.store = null;
      if (offline) throw error;
      tell(watch.onWarning, asBeitError(error));
      return null;
    }
  }

  private addressOf(name: string): string {
    const { base, files } = this.description;
    if (Object.hasOwn(files, name)) return files[name]!;
    const folder = new URL(base);
    const target = new URL(name.split('/').map(encodeURIComponent).join('/'), folder);
    target.search = folder.search;
    return target.href;
  }

  private targetOf({ name, url, store }: Wanted): HttpTarget {
    const { cache, keptByBrowser = false } = this.description;
    const settled = !keptByBrowser && (store !== null || cache === false);
    // The API tells of a repository that there is not, or that is private, what the file's own answer may leave out.
    const denied = this.repository?.refused?.status === 401;
    return { ...this.requests(), name, url, label: this.label, denied, browserMayKeep: !settled || !isWeightsFile(name) };
  }

  private requests(): Pick<HttpTarget, 'fetch' | 'headers' | 'seesRedirects'> {
    const { headers } = this.description;
    return { fetch: this.customFetch ?? fetch, headers, seesRedirects: this.environment.seesRedirects && !this.customFetch };
  }
}

/** Returns the whole body at `url`, such as an image. Rejects like HttpSource.open(). */
export async function fetchBytes(url: URL, signal: AbortSignal | null): Promise<Uint8Array> {
  let response: Response;
  try {
    response = await fetch(url, { signal });
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throwIfAborted(signal);
    throw failure('network', url.href, `the request failed (${reasonOf(error)})`, error);
  }
  await response.body?.cancel().catch(() => undefined);
  if (response.status === 404 || response.status === 410)
    throw failure('not-found', url.href, `the server does not have it (status ${response.status})`);
  throw failure('network', url.href, `the server answered with status ${response.status}`);
}
