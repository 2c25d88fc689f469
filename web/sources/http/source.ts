/** Folders on servers: which address a file has, and whether it comes from there or from the cache. */
import { tell } from '../../base/callbacks.js';
import { BeitError, failure } from '../../base/errors.js';
import { throwIfAborted } from '../../base/scheduling.js';
import { Sha256 } from '../../base/sha256.js';
import type { CacheStore } from '../cache/store.js';
import { BytesFile } from '../memory.js';
import { isWeightsFile, type Source, type SourceDescription, type SourceFile, type SourceOptions, type SourceWatch } from '../source.js';
import { reasonOf, sameVersion, type HttpTarget } from './answer.js';
import { HttpFile, type Hasher } from './file.js';
import { decoded, HUB_HOST, hubPlace } from './hub-address.js';
import { HubSums } from './hub-sums.js';

export type HttpDescription = Extract<SourceDescription, { kind: 'http' }>;

/** What differs between a browser and Node. */
export interface HttpEnvironment {
  /** Returns the store that the option `cache` names; null where nothing is kept. */
  openCache(where: boolean | string | undefined): Promise<CacheStore | null>;
  newHasher(): Hasher;
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
      immutable: /^[0-9a-f]{40}$/i.test(revision),
      ...choices(options),
    },
    environment,
    options.fetch,
  );
}

/** Returns the source of a URL: of a folder, or of a weights file whose folder has the rest; of a hub's page what it shows. */
export function urlSource(url: URL, options: SourceOptions = {}, environment = PLAIN_HTTP): HttpSource {
  const place = hubPlace(url, options.host);
  if (place) {
    const { id, host, revision } = place;
    return hubSource(id, { ...options, host, revision: revision ?? options.revision }, environment, place);
  }
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

function choices({ retry, cache, offline, sha256 }: SourceOptions): Pick<HttpDescription, 'retry' | 'cache' | 'offline' | 'sha256'> {
  const lower = Object.fromEntries(Object.entries(sha256 ?? {}).map(([name, digits]) => [name, digits.toLowerCase()]));
  return { retry, cache, offline, sha256: lower };
}

/** A folder on a server. */
export class HttpSource implements Source {
  readonly label: string;
  readonly weightsName: string | undefined;
  // One body is open at a time: a browser lets a page have six connections to a host.
  private active: HttpFile | null = null;
  private readonly sums: HubSums | null;

  constructor(
    private readonly description: HttpDescription,
    private readonly environment: HttpEnvironment,
    private readonly customFetch?: typeof fetch,
  ) {
    this.label = description.label;
    this.weightsName = description.weightsName;
    this.sums = description.hub ? new HubSums(description.hub) : null;
  }

  describe(): SourceDescription | null {
    return this.customFetch ? null : this.description;
  }

  async open(name: string, signal: AbortSignal | null = null, watch: SourceWatch = {}): Promise<SourceFile> {
    const { offline = false, immutable = false, retry = {}, sha256 = {}, texts = {}, keptByBrowser = false } = this.description;
    if (Object.hasOwn(texts, name)) return new BytesFile(name, new TextEncoder().encode(texts[name]));
    const url = this.addressOf(name);
    const store = await this.openStore(url, watch);
    throwIfAborted(signal);
    const known = await store?.find(url).catch((error: unknown) => {
      tell(watch.onWarning, error as BeitError);
      return null;
    });
    const given = sha256[name] ?? '';
    const kept = known && (given === '' || known.record.sha256 === given) ? known : null;
    if (kept && (offline || immutable)) return kept.open();
    if (offline) throw failure('not-found', `${this.label}/${name}`, 'it is not in the cache, and the option offline forbids to fetch it');
    const target = this.targetOf(name, url, !keptByBrowser && (store !== null || this.description.cache === false));
    const asked = this.sums !== null && given === '' && isWeightsFile(name) ? this.sums : null;
    const askSum = async (): Promise<string> => asked?.of(name, { fetch: target.fetch, headers: target.headers, signal }) ?? '';
    // Beside the request for the file, where its answer cannot have the sum and a download is sure.
    const early = target.seesRedirects || kept ? null : askSum();
    const file = new HttpFile({
      target,
      // With a kept copy at hand nobody has to wait for a server that does not answer.
      retry: kept ? { ...retry, attempts: 0 } : retry,
      sha256: given,
      newHasher: this.environment.newHasher,
      signal,
      watch,
      activate: async (self) => {
        if (this.active && this.active !== self) await this.active.pause();
        this.active = self;
      },
    });
    try {
      await file.open();
    } catch (error) {
      // A page in its place is that of a network which wants a login first.
      if (!kept || !(error instanceof BeitError) || !['network', 'html'].includes(error.code)) throw error;
      return kept.open();
    }
    if (kept && file.version && sameVersion({ ...kept.record, size: kept.record.bytes }, file.version)) {
      await file.close();
      return kept.open();
    }
    if (!file.sha256) file.expect(await (early ?? askSum()));
    throwIfAborted(signal);
    if (store) await file.keep(store);
    return file;
  }

  private async openStore(url: string, watch: SourceWatch): Promise<CacheStore | null> {
    const { cache, offline } = this.description;
    if (cache === false || !/^https?:/.test(url)) return null;
    try {
      return await this.environment.openCache(cache);
    } catch (error) {
      if (offline) throw error;
      tell(watch.onWarning, error as BeitError);
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

  private targetOf(name: string, url: string, settled: boolean): HttpTarget {
    const { headers } = this.description;
    const seesRedirects = this.environment.seesRedirects && !this.customFetch;
    return {
      name,
      url,
      label: this.label,
      headers,
      fetch: this.customFetch ?? fetch,
      seesRedirects,
      browserMayKeep: !settled || !isWeightsFile(name),
    };
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
