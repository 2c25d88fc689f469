/** One GET: what is sent, what the answer's headers say, and which answers are refused. */
import type { CachedFile } from '../cache/store.js';
import { BeitError, failure, mismatch, sentenceOf } from '../../base/errors.js';
import { abortable, following, throwIfAborted } from '../../base/scheduling.js';
import { fileNotFound } from '../source.js';
import { isPage, peek } from './page-sniffing.js';
import { retryAfter, Transient } from './retry.js';

/** What is asked for. */
export interface HttpTarget {
  name: string;
  url: string;
  /** Of its source, for messages. */
  label: string;
  headers: Record<string, string>;
  fetch: typeof fetch;
  /** Whether redirects are followed here, one by one: a hub tells a file's SHA-256 in one. Not in browsers, which hide them. */
  seesRedirects: boolean;
  /**
   * Whether the browser may keep the answer by its own rules. Not weights that the library keeps itself, or is told not to
   * keep: writing them to its cache takes a browser's network process longer than receiving them.
   */
  browserMayKeep: boolean;
  /** The hub's API has refused the whole repository. */
  denied?: boolean;
}

/** What a server says of a file's version; each is empty, or -1, where it says nothing. */
export interface Version {
  /** Bytes of the whole file. */
  size: number;
  etag: string;
  lastModified: string;
  sha256: string;
}

/** What a hub says on the way to a large file. */
type Linked = Pick<Version, 'sha256' | 'size'>;

export interface Answer {
  /** Where in the file the body begins: 0 where the server ignores ranges. */
  start: number;
  /** Where it ends by its Content-Range: some servers give less at a time than was asked for. -1: it does not say. */
  until: number;
  version: Version;
  /** Whether the server has shown that it can begin elsewhere. */
  seekable: boolean;
  /** Null: there is nothing from that offset on. */
  body: ReadableStream<Uint8Array> | null;
  /** Where it came from in the end. */
  url: string;
  /** Ends the connection, if it has not ended. */
  end(): void;
}

/** Whether a server that answers so may answer otherwise later: proxies before it have statuses of their own, such as 520 to 529. */
function mayPass(status: number): boolean {
  return status >= 500 ? status !== 501 && status !== 505 : [408, 425, 429].includes(status);
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const MOST_REDIRECTS = 10;

/** What a hub's 404 says that does not know the revision. */
export const NO_REVISION = 'the hub has no such revision of it';

/**
 * Asks for the file from `offset` on; -1 asks for all of it without naming a range. Throws a
 * Transient for what may pass, such as no answer within `timeout` ms; rejects with not-found, unauthorized, html, network, or
 * the signal's reason.
 */
export async function get(
  target: HttpTarget,
  offset: number,
  condition: Record<string, string>,
  signal: AbortSignal | null,
  timeout: number,
): Promise<Answer> {
  const { controller, stop } = following(signal);
  const late = new Transient(
    failure('network', shortened(target.url), `the server did not answer within ${timeout / 1000} seconds`),
    null,
    true,
  );
  const timer = setTimeout(() => controller.abort(late), timeout);
  const end = (): void => {
    stop();
    controller.abort();
  };
  try {
    // Not every fetch that is given listens to its signal.
    const answer = await abortable(ask(target, offset, condition, controller.signal), controller.signal, ({ body }) => {
      body?.cancel().catch(() => undefined);
    });
    return { ...answer, end };
  } catch (error) {
    end();
    throwIfAborted(signal);
    throw controller.signal.reason === late ? late : error;
  } finally {
    clearTimeout(timer);
  }
}

async function ask(
  target: HttpTarget,
  offset: number,
  condition: Record<string, string>,
  signal: AbortSignal,
): Promise<Omit<Answer, 'end'>> {
  const headers: Record<string, string> = { ...target.headers };
  if (offset >= 0) Object.assign(headers, { Range: `bytes=${offset}-` }, condition);
  let response: Response;
  let linked: Linked;
  try {
    ({ response, linked } = await follow(target, headers, signal));
  } catch (error) {
    throwIfAborted(signal);
    if (error instanceof BeitError) throw error;
    const failed = failure('network', shortened(target.url), `the request failed (${reasonOf(error)})`, error);
    // What comes from no server will not come later either: a policy forbids it, or it is not well-formed.
    throw /^(data|blob):/i.test(target.url) ? failed : new Transient(failed);
  }
  try {
    // A range of a compressed body is none of the file's: without one the body comes whole, and is unpacked on its way.
    if (offset >= 0 && response.status === 206 && isEncoded(response)) {
      await response.body?.cancel().catch(() => undefined);
      return await ask(target, -1, {}, signal);
    }
    return await accept(target, response, linked, offset);
  } catch (error) {
    await response.body?.cancel().catch(() => undefined);
    if (error instanceof BeitError || error instanceof Transient) throw error;
    throwIfAborted(signal);
    throw new Transient(failure('network', target.url, `the connection broke off (${reasonOf(error)})`, error));
  }
}

/** Fetches, over redirects. A token goes to the first host only. */
async function follow(
  { url, fetch, browserMayKeep, seesRedirects }: HttpTarget,
  headers: Record<string, string>,
  signal: AbortSignal | null,
): Promise<{ response: Response; linked: Linked }> {
  const linked = { sha256: '', size: -1 };
  let address = url;
  for (let hops = 0; ; ++hops) {
    const response = await fetch(address, {
      headers,
      signal,
      redirect: seesRedirects ? 'manual' : 'follow',
      cache: browserMayKeep ? 'default' : 'no-store',
    });
    linked.sha256 ||= sha256Of(response.headers.get('x-linked-etag'));
    linked.size = numberOf(response.headers.get('x-linked-size')) ?? linked.size;
    const location = REDIRECTS.has(response.status) ? response.headers.get('location') : null;
    if (location === null || !seesRedirects) return { response, linked };
    await response.body?.cancel().catch(() => undefined);
    if (hops >= MOST_REDIRECTS) throw failure('network', url, `it redirects more than ${MOST_REDIRECTS} times`);
    const next = new URL(location, address);
    if (next.origin !== new URL(address).origin) {
      for (const name of Object.keys(headers)) if (/^(authorization|cookie)$/i.test(name)) delete headers[name];
    }
    address = next.href;
  }
}

async function accept(target: HttpTarget, response: Response, linked: Linked, offset: number): Promise<Omit<Answer, 'end'>> {
  const { url, name, label } = target;
  const { status, headers } = response;
  const header = (key: string): string => headers.get(key) ?? '';
  if (status === 404 && header('x-error-code') === 'RevisionNotFound') throw failure('not-found', label, NO_REVISION);
  if (status === 404 || status === 410) throw fileNotFound(label, name);
  if (status === 401 || status === 403) throw unauthorized(target, status, header('x-error-code') || (target.denied ? 'RepoNotFound' : ''));
  const range = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(header('content-range'));
  const total = numberOf(range?.[3]) ?? -1;
  const whole = linked.size;
  // An ETag of 64 digits is no sum: that of the hub's CDN is a Xet hash, of which only the form is the same.
  const version = { etag: header('etag'), lastModified: header('last-modified'), sha256: linked.sha256 };
  const answer = { url: response.url || url, seekable: true, until: -1 };
  if (status === 416 && offset >= 0) {
    await response.body?.cancel().catch(() => undefined);
    return { ...answer, start: offset, body: null, version: { ...version, size: total } };
  }
  if (!response.ok) {
    const error = refusal(url, status, `the server answered with status ${status}`);
    throw mayPass(status) ? new Transient(error, retryAfter(headers.get('retry-after'))) : error;
  }
  const encoded = isEncoded(response);
  if (status === 206 && offset >= 0) {
    // A page may not see Content-Range of another origin.
    if (header('content-range') && Number(range?.[1] ?? -1) !== offset) {
      throw mismatch('network', url, `the range ${header('content-range')}`, `bytes from ${offset}`);
    }
    const length = numberOf(headers.get('content-length'));
    const size = total >= 0 ? total : length === undefined ? whole : offset + length;
    checkSize(url, size, whole);
    const last = numberOf(range?.[2]);
    return {
      ...answer,
      start: offset,
      until: last !== undefined && last >= offset ? last + 1 : -1,
      body: response.body,
      version: { ...version, size },
    };
  }
  // The length is that of the compressed body where there is an encoding, and a page does not see
  // whether another origin's has one.
  const plain = response.type !== 'cors' && !encoded;
  const size = plain ? (numberOf(headers.get('content-length')) ?? whole) : whole;
  checkSize(url, size, whole);
  let body: ReadableStream<Uint8Array> | null = response.body;
  // Not by the type alone: some servers call every file that.
  if (body && /^text\/html\b/i.test(header('content-type'))) {
    const { head, rest } = await peek(body);
    body = rest;
    if (isPage(head)) {
      await rest.cancel().catch(() => undefined);
      const got = 'a web page (content type text/html)';
      const expected = `the file ${name}`;
      throw new BeitError('html', `${url}: got ${got}, expected ${expected}.`, { where: url, got, expected, status });
    }
  }
  return { ...answer, start: 0, seekable: plain && header('accept-ranges') === 'bytes', body, version: { ...version, size } };
}

/** Returns an address for a sentence: a data: URL holds its file. */
function shortened(url: string): string {
  return url.startsWith('data:') && url.length > 80 ? `${url.slice(0, 80)}…` : url;
}

function refusal(url: string, status: number, what: string): BeitError {
  return new BeitError('network', `${url}: ${what}.`, { where: url, got: what, status });
}

/**
 * Returns the error of a server that refuses access; `reason` is what a hub gives as X-Error-Code. One that is about a whole
 * repository, and not about a file of it, says what is expected.
 */
function unauthorized({ url, headers }: HttpTarget, status: number, reason: string): BeitError {
  const token = Object.keys(headers).some((name) => /^authorization$/i.test(name));
  const facts = { where: url, status };
  const gated = `this model is gated: ${token ? 'the token given has no access to it, which' : 'it needs a token (the option token), for which access'} is asked for on the model's page`;
  const absent = `there is no such public model, and a private one needs ${token ? 'another token, since the one given has no access to it' : 'a token (the option token)'}`;
  const got = reason === 'GatedRepo' ? gated : reason === 'RepoNotFound' ? absent : '';
  if (got) return new BeitError('unauthorized', `${url}: ${got}.`, { ...facts, got, expected: 'a token with access' });
  const plain = `the server refuses access (status ${status}); a token or other headers may be needed`;
  return new BeitError('unauthorized', `${url}: ${plain}.`, { ...facts, got: plain });
}

function isEncoded({ headers }: Response): boolean {
  return !/^(|identity)$/i.test(headers.get('content-encoding') ?? '');
}

function checkSize(url: string, size: number, linked: number): void {
  if (size >= 0 && linked >= 0 && size !== linked) {
    throw mismatch(size < linked ? 'truncated' : 'network', url, `a body of ${size} bytes`, `${linked} bytes, as the hub says`);
  }
}

/** Returns the SHA-256 in an X-Linked-ETag, or an empty string. */
function sha256Of(etag: string | null | undefined): string {
  return /^(?:W\/)?"?([0-9a-f]{64})"?$/i.exec(etag ?? '')?.[1]?.toLowerCase() ?? '';
}

function numberOf(text: string | null | undefined): number | undefined {
  return text && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** Returns why the two cannot be the same version of a file, or null where nothing says so. */
export function differenceOf(a: Version, b: Version): string | null {
  // A server that compresses on its way marks the tag of what it sends.
  const tag = (etag: string): string => etag.replace(/^W\//, '').replace(/-gzip"$/, '"');
  if (a.etag && b.etag && tag(a.etag) !== tag(b.etag)) return `its ETag was ${a.etag} and is ${b.etag}`;
  if (a.size >= 0 && b.size >= 0 && a.size !== b.size) return `it had ${a.size} bytes and has ${b.size}`;
  const dated = !a.etag && !b.etag && a.lastModified && b.lastModified;
  return dated && a.lastModified !== b.lastModified ? `it was of ${a.lastModified} and is of ${b.lastModified}` : null;
}

/** Returns the version of its server's file that a kept one is of. */
export function versionOf({ etag, lastModified, sha256, bytes, originalBytes = bytes }: CachedFile): Version {
  return { etag, lastModified, sha256, size: originalBytes };
}

/** Returns whether the two are surely the same version: something that names it says so. */
export function sameVersion(a: Version, b: Version): boolean {
  const named = (a.etag !== '' && b.etag !== '') || (a.lastModified !== '' && b.lastModified !== '' && a.size >= 0 && b.size >= 0);
  return named && differenceOf(a, b) === null;
}

// Node's fetch says "fetch failed" or "terminated" and has the facts in the cause.
export function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof BeitError || !(cause instanceof Error) ? sentenceOf(error) : sentenceOf(cause);
}
