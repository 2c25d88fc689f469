/** Files over HTTP: one streamed GET a file, taken in order; Range requests where that pays. */
import { BeitError, failure, mismatch, sentenceOf } from './errors.js';
import { throwIfAborted } from './scheduling.js';
import { fileNotFound, isWeightsFile, type Source, type SourceDescription, type SourceFile, type SourceOptions } from './sources.js';

type HttpDescription = Extract<SourceDescription, { kind: 'http' }>;

export const HUB_HOST = 'https://huggingface.co';

// Reading on over unwanted bytes costs their transfer, a new request one round trip: at 20 MB/s
// and 50 ms the two are equal here.
const GAP_WORTH_A_REQUEST = 1 << 20;

/** Returns the source of a hub repository. */
export function hubSource(id: string, options: SourceOptions = {}): HttpSource {
  const host = (options.host ?? HUB_HOST).replace(/\/+$/, '');
  const revision = encodeURIComponent(options.revision ?? 'main');
  const headers = { ...options.headers };
  if (options.token) headers['Authorization'] = `Bearer ${options.token}`;
  return new HttpSource({ kind: 'http', label: id, base: `${host}/${id}/resolve/${revision}/`, files: {}, headers }, options.fetch);
}

/** Returns the source of a URL: of a folder, or of a weights file whose folder has the rest. */
export function urlSource(url: URL, options: SourceOptions = {}): HttpSource {
  const headers = { ...options.headers };
  const name = decodeURIComponent(url.pathname.split('/').pop() ?? '');
  if (isWeightsFile(name)) {
    const base = new URL('.', url).href;
    return new HttpSource({ kind: 'http', label: base.replace(/\/$/, ''), base, files: { [name]: url.href }, weightsName: name, headers }, options.fetch);
  }
  const base = new URL(url);
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  const label = base.origin + base.pathname.replace(/\/$/, '');
  return new HttpSource({ kind: 'http', label, base: base.href, files: {}, headers }, options.fetch);
}

/** A folder on a server. */
export class HttpSource implements Source {
  readonly label: string;
  readonly weightsName: string | undefined;
  // One body is open at a time: a browser lets a page have six connections to a host.
  private active: HttpFile | null = null;

  constructor(private readonly description: HttpDescription, private readonly customFetch?: typeof fetch) {
    this.label = description.label;
    this.weightsName = description.weightsName;
  }

  describe(): SourceDescription | null {
    return this.customFetch ? null : this.description;
  }

  async open(name: string, signal?: AbortSignal | null): Promise<SourceFile> {
    const { base, files, headers } = this.description;
    let url = files[name];
    if (url === undefined) {
      const folder = new URL(base);
      const target = new URL(name.split('/').map(encodeURIComponent).join('/'), folder);
      target.search = folder.search;
      url = target.href;
    }
    const file = new HttpFile(name, url, headers, this.customFetch ?? fetch, signal ?? null, this.label, async (self) => {
      if (this.active && this.active !== self) await this.active.pause();
      this.active = self;
    });
    await file.connect(0);
    return file;
  }
}

class HttpFile implements SourceFile {
  size = -1;
  private body: ReadableStreamDefaultReader<Uint8Array> | null = null;
  private position = 0;
  private rest: Uint8Array | null = null;
  private seekable = false;
  private ended = false;

  constructor(
    readonly name: string, private readonly url: string, private readonly headers: Record<string, string>,
    private readonly fetch: typeof globalThis.fetch, private readonly signal: AbortSignal | null,
    private readonly label: string, private readonly activate: (self: HttpFile) => Promise<void>,
  ) {}

  /** Starts a GET whose body begins at `offset`, or at 0 where the server ignores ranges. */
  async connect(offset: number): Promise<void> {
    await this.pause();
    await this.activate(this);
    this.ended = false;
    const headers = offset > 0 ? { ...this.headers, Range: `bytes=${offset}-` } : this.headers;
    let response: Response;
    try {
      const { fetch } = this;
      response = await fetch(this.url, { headers, signal: this.signal });
    } catch (error) {
      throwIfAborted(this.signal);
      throw failure('network', this.url, `the request failed (${reasonOf(error)})`, error);
    }
    try {
      this.accept(response, offset);
    } catch (error) {
      await response.body?.cancel().catch(() => undefined);
      throw error;
    }
  }

  private accept(response: Response, offset: number): void {
    const { status } = response;
    if (status === 404 || status === 410) throw fileNotFound(this.label, this.name);
    if (status === 416 && offset > 0) {
      this.position = offset;
      return;
    }
    if (status === 401 || status === 403) {
      throw failure('network', this.url, `the server refuses access (status ${status}); a token or other headers may be needed`);
    }
    if (!response.ok) throw failure('network', this.url, `the server answered with status ${status}`);
    if (/^text\/html\b/i.test(response.headers.get('content-type') ?? '')) {
      throw mismatch('html', this.url, 'a web page (content type text/html)', `the file ${this.name}`);
    }
    const partial = status === 206 && offset > 0;
    if (partial) {
      const range = response.headers.get('content-range') ?? '';
      const start = /^bytes (\d+)-/.exec(range)?.[1];
      if (start !== undefined && Number(start) !== offset) {
        throw mismatch('network', this.url, `the range ${range}`, `bytes from ${offset}`);
      }
    }
    this.seekable ||= partial || response.headers.get('accept-ranges') === 'bytes';
    // The length is that of the compressed body where there is an encoding, and a page of another
    // origin does not see whether there is one.
    const length = response.headers.get('content-length');
    const plain = response.type !== 'cors' && (response.headers.get('content-encoding') ?? 'identity') === 'identity';
    if (this.size < 0 && length !== null && plain && !partial) this.size = Number(length);
    this.position = partial ? offset : 0;
    this.body = response.body?.getReader() ?? null;
  }

  async *read(offset: number, length: number): AsyncIterable<Uint8Array> {
    const end = offset + length;
    if (!await this.seek(offset)) return;
    while (this.position < end) {
      const chunk = await this.pull();
      if (!chunk) return;
      const part = chunk.subarray(0, end - this.position);
      this.consume(chunk, part.length);
      yield part;
    }
  }

  /** Moves to `offset`. Returns false where the body ends before it. */
  private async seek(offset: number): Promise<boolean> {
    const lost = this.body === null && this.rest === null && !this.ended;
    const gap = offset - this.position;
    if (lost || gap < 0 || (gap >= GAP_WORTH_A_REQUEST && this.seekable)) await this.connect(offset);
    while (this.position < offset) {
      const chunk = await this.pull();
      if (!chunk) return false;
      this.consume(chunk, Math.min(chunk.length, offset - this.position));
    }
    return true;
  }

  private consume(chunk: Uint8Array, length: number): void {
    this.position += length;
    this.rest = length < chunk.length ? chunk.subarray(length) : null;
  }

  /** Returns the bytes at the position, at least one, or null at the end of the body. */
  private async pull(): Promise<Uint8Array | null> {
    if (this.rest) return this.rest;
    await this.activate(this);
    while (this.body) {
      let result: ReadableStreamReadResult<Uint8Array>;
      try {
        result = await this.body.read();
      } catch (error) {
        this.body = null;
        throwIfAborted(this.signal);
        throw failure('network', this.url, `the connection broke off after ${this.position} bytes (${reasonOf(error)})`, error);
      }
      if (result.done) {
        this.body = null;
        this.ended = true;
        return null;
      }
      if (result.value.length > 0) return result.value;
    }
    return null;
  }

  /** Gives the connection up; a later read starts a new one. */
  async pause(): Promise<void> {
    const body = this.body;
    this.body = null;
    this.rest = null;
    await body?.cancel().catch(() => undefined);
  }

  close(): Promise<void> {
    return this.pause();
  }
}

// Node's fetch says "fetch failed" or "terminated" and has the facts in the cause.
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof BeitError || !(cause instanceof Error) ? sentenceOf(error) : sentenceOf(cause);
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
  if (response.status === 404 || response.status === 410) throw failure('not-found', url.href, `the server does not have it (status ${response.status})`);
  throw failure('network', url.href, `the server answered with status ${response.status}`);
}
