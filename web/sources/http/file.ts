/** A file on a server, read in order: a connection that breaks off is resumed where it broke. */
import { tell } from '../../base/callbacks.js';
import { asBeitError, BeitError, failure, mismatch } from '../../base/errors.js';
import { following, throwIfAborted } from '../../base/scheduling.js';
import type { CachedFile, CacheStore, CacheWriter, PartialFile } from '../cache/store.js';
import { CHUNK_BYTES, isWeightsFile, type SourceFile, type SourceWatch } from '../source.js';
import { differenceOf, get, reasonOf, sameVersion, type Answer, type HttpTarget, type Version } from './answer.js';
import { BodyReader } from './body-reader.js';
import { Retries, Transient, type RetryOptions } from './retry.js';

// Reading on over unwanted bytes costs their transfer, a new request one round trip: at 20 MB/s
// and 50 ms the two are equal here.
const GAP_WORTH_A_REQUEST = 1 << 20;

/** Takes bytes and tells their SHA-256 in the end. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  digest(): string;
}

export interface HttpFileSettings {
  target: HttpTarget;
  retry: RetryOptions;
  /** Given by the caller: then every byte is read, so that it can be verified. Else empty. */
  sha256: string;
  newHasher: () => Hasher;
  /** The address names this version for ever: then what an earlier download left needs no validator. */
  immutable: boolean;
  signal: AbortSignal | null;
  watch: SourceWatch;
  /** Called before this file uses its connection: a source has few at a time. */
  activate: (self: HttpFile) => Promise<void>;
}

export class HttpFile implements SourceFile {
  readonly name: string;
  version: Version | null = null;
  private body: BodyReader | null = null;
  private endConnection: () => void = () => undefined;
  /** What an earlier download has left: the bytes before its end come from there. */
  private left: PartialFile | null = null;
  /** Of the next byte that is handed on. */
  private position = 0;
  /** Bytes of the body before `position`: a server that ignores ranges sends them again. */
  private skip = 0;
  /** Where the body ends, by its server; -1: at the end of the file. */
  private until = -1;
  private rest: Uint8Array | null = null;
  private seekable = false;
  private ended = false;
  /** The address that answered last: whether a condition may be sent there, see condition(). */
  private answered = '';
  private retries: Retries;
  /** How far the file has been hashed and kept, in order and without a gap. */
  private fed = 0;
  private hasher: Hasher | null = null;
  private store: CacheStore | null = null;
  private writer: CacheWriter | null = null;
  /** Once the whole file is kept: it is read from there. */
  private kept: SourceFile | null = null;
  private fetching: Promise<void> | null = null;
  /** What is being done with the kept copy. */
  private work: Promise<unknown> = Promise.resolve();
  /** How much is waited for: answers, bytes. */
  private waits = 0;
  private closed = false;
  /** Aborted with the caller's signal, and by close(): then no answer is waited for any more. */
  private readonly ending: ReturnType<typeof following>;

  constructor(private readonly settings: HttpFileSettings) {
    this.name = settings.target.name;
    this.ending = following(settings.signal);
    this.retries = this.newRetries(settings.retry);
  }

  private newRetries(options: RetryOptions): Retries {
    const { signal, watch } = this.settings;
    return new Retries(options, signal, (error) => tell(watch.onWarning, error));
  }

  /** Changes how often is tried again, once the server has answered. */
  patience(options: RetryOptions): void {
    this.retries = this.newRetries(options);
  }

  get size(): number {
    return this.version?.size ?? -1;
  }

  /** What its bytes are held against, or empty. */
  get sha256(): string {
    return this.settings.sha256 || this.version?.sha256 || '';
  }

  /**
   * Asks for the file; with `writer` it is kept in `store` while it is read, all of it, and begins with what the writer has
   * left. Rejects as get() does, once no attempt is left: then the writer is the caller's still.
   */
  async open(store: CacheStore | null = null, writer: CacheWriter | null = null): Promise<void> {
    const left = writer?.left ?? null;
    if (!left || !(await this.continue(left))) await this.connect(0);
    if (this.sha256) this.hasher = this.settings.newHasher();
    this.store = store;
    this.writer = writer;
  }

  /** Begins to keep the file. To be called before the first read, once its sum is known if it will be. */
  async keep(): Promise<void> {
    const resume = this.left !== null;
    await this.withWriter((writer) => writer.begin(this.record(this.size), resume));
  }

  /** Asks for what comes after the bytes that are left. Returns whether they are of the version that the server has now. */
  private async continue(left: PartialFile): Promise<boolean> {
    const { etag, lastModified, sha256, bytes } = left.record;
    const before = { etag, lastModified, sha256, size: bytes };
    const given = this.settings.sha256;
    if (given && sha256 && given !== sha256) return false;
    const answer = await this.request(left.file.size, before);
    const same = this.settings.immutable ? !differenceOf(before, answer.version) : sameVersion(before, answer.version);
    // From a server that ignores ranges it comes whole, which is as much as another request would bring.
    if (!same && answer.start > 0) {
      await answer.body?.cancel().catch(() => undefined);
      answer.end();
      return false;
    }
    this.take(answer, same ? left.file.size : 0);
    if (!same) return true;
    const version = this.version!;
    version.sha256 ||= sha256;
    // Where nothing follows, all of it is there.
    if (version.size < 0) version.size = answer.body ? bytes : left.file.size;
    this.left = left;
    this.position = 0;
    return true;
  }

  /** Names the SHA-256 of a file whose server did not. To be called before the first read; empty is none. */
  expect(sha256: string): void {
    if (!this.version || !sha256) return;
    this.version.sha256 = sha256;
    this.hasher = this.settings.newHasher();
  }

  async *read(offset: number, length: number): AsyncIterable<Uint8Array> {
    const end = offset + length;
    if (!(await this.seek(offset))) return;
    if (this.kept) {
      yield* this.kept.read(offset, length);
      return;
    }
    while (this.position < end) {
      const chunk = await this.pull();
      if (!chunk) return;
      const part = chunk.subarray(0, end - this.position);
      await this.consume(chunk, part.length);
      yield part;
    }
  }

  /** Reads what is left where the whole file is to be verified or kept. Rejects with corrupt. */
  async finish(): Promise<void> {
    const left = this.size < 0 ? Infinity : this.size - this.fed;
    const wanted = this.writer || (this.hasher && (this.settings.sha256 || left < GAP_WORTH_A_REQUEST));
    if (!wanted || left === 0 || this.kept) return;
    if (this.position !== this.fed) await this.connect(this.fed);
    await this.advance(Infinity);
  }

  get busy(): boolean {
    return this.waits > 0;
  }

  get keeping(): boolean {
    return this.writer !== null;
  }

  fetchAll(): Promise<void> {
    this.fetching ??= this.fetchKept().finally(() => {
      this.fetching = null;
    });
    return this.fetching;
  }

  private async fetchKept(): Promise<void> {
    while (this.writer) {
      const chunk = await this.pull();
      if (!chunk) return;
      await this.consume(chunk, chunk.length);
      this.tellDownload();
    }
  }

  private tellDownload(): void {
    tell(this.settings.watch.onDownload, this.name, this.position, Math.max(this.size, 0));
  }

  /** Moves to `offset`. Returns false where the file ends before it. */
  private async seek(offset: number): Promise<boolean> {
    if (this.kept) return true;
    if (offset < this.position) {
      // Only the whole file can be kept: so it is, and read from there.
      if (this.writer) await this.advance(Infinity);
      if (this.kept) return true;
      await this.connect(offset);
    } else if (offset - this.position >= GAP_WORTH_A_REQUEST && this.seekable && !this.writer && !(this.hasher && this.settings.sha256)) {
      await this.connect(offset);
    }
    return this.advance(offset);
  }

  /** Reads on to `offset`, or to the end. Returns false where the end came before. */
  private async advance(offset: number): Promise<boolean> {
    while (this.position < offset) {
      const chunk = await this.pull();
      if (!chunk) return false;
      await this.consume(chunk, Math.min(chunk.length, offset - this.position));
      this.tellDownload();
    }
    return true;
  }

  private async consume(chunk: Uint8Array, length: number): Promise<void> {
    await this.feed(chunk.subarray(0, length));
    this.position += length;
    this.rest = length < chunk.length ? chunk.subarray(length) : null;
  }

  /** Hashes and keeps the bytes at `position`, unless they have been, or some were left out before. */
  private async feed(bytes: Uint8Array): Promise<void> {
    const known = this.fed - this.position;
    if (known < 0 || known >= bytes.length) return;
    const fresh = bytes.subarray(known);
    this.hasher?.update(fresh);
    const there = this.left !== null && this.fed < this.left.file.size;
    if (this.writer && !there) await this.withWriter((writer) => writer.write(fresh));
    this.fed += fresh.length;
    if (this.fed === this.size) await this.complete();
  }

  /** All bytes have been fed: verifies them before the last are handed on, and keeps the file. */
  private async complete(): Promise<void> {
    const {
      target: { url },
      watch,
    } = this.settings;
    this.ended = true;
    if (this.hasher) {
      const found = this.hasher.digest();
      this.hasher = null;
      if (found !== this.sha256) {
        const { writer } = this;
        this.writer = null;
        this.left = null;
        await writer?.end(false);
        throw mismatch('corrupt', url, `bytes whose SHA-256 is ${found}`, this.sha256);
      }
    }
    const { store } = this;
    if (!store || !(await this.withWriter((writer) => writer.commit(this.record(this.fed))))) return;
    this.writer = null;
    this.left = null;
    this.kept = await store
      .find(url)
      .then((found) => found?.open() ?? null)
      .catch((error: unknown) => {
        tell(watch.onWarning, error as BeitError);
        return null;
      });
    if (this.kept) await this.pause();
    if (this.closed) await this.kept?.close();
  }

  private record(bytes: number): CachedFile {
    const { url, label } = this.settings.target;
    const { etag = '', lastModified = '' } = this.version ?? {};
    return { url, source: label, file: this.name, bytes, saved: new Date().toISOString(), etag, lastModified, sha256: this.sha256 };
  }

  /** Does something with the kept copy. What fails there is told, and the file goes on without. */
  private async withWriter(work: (writer: CacheWriter) => Promise<void>): Promise<boolean> {
    const { writer } = this;
    if (!writer) return false;
    try {
      const done = work(writer);
      this.work = done.catch(() => undefined);
      await done;
      return true;
    } catch (error) {
      this.writer = null;
      await writer.end(false);
      await this.forgetLeft();
      tell(this.settings.watch.onWarning, error as BeitError);
      return false;
    }
  }

  /** What was left cannot be read any more: where that has not been done, the server is asked for it. */
  private async forgetLeft(): Promise<void> {
    const { left } = this;
    this.left = null;
    if (left && this.position < left.file.size) await this.pause();
  }

  /** Returns what is left at the position, or null where that is nothing more. */
  private async pullLeft(): Promise<Uint8Array | null> {
    const { left } = this;
    if (!left || this.position >= left.file.size) return null;
    try {
      for await (const chunk of left.file.read(this.position, CHUNK_BYTES)) return chunk;
    } catch (error) {
      tell(this.settings.watch.onWarning, asBeitError(error));
    }
    const { writer } = this;
    this.writer = null;
    await writer?.end(false);
    await this.forgetLeft();
    return null;
  }

  /** Returns the bytes at the position, at least one, or null at the end of the file. */
  private async pull(): Promise<Uint8Array | null> {
    if (this.rest) return this.rest;
    const left = await this.pullLeft();
    if (left) return left;
    ++this.waits;
    try {
      await this.settings.activate(this);
      while (!this.ended && !this.closed) {
        if (!this.body) await this.connect(this.position);
        try {
          const chunk = await this.receive();
          if (chunk) return chunk;
        } catch (error) {
          await this.pause();
          if (!this.closed) await this.retries.after(error);
        }
      }
      return null;
    } finally {
      --this.waits;
    }
  }

  /** Returns what the body gives next at the position, or null where that is nothing yet, or its end. */
  private async receive(): Promise<Uint8Array | null> {
    const {
      target: { url },
      signal,
    } = this.settings;
    const { body } = this;
    if (!body) return null;
    let bytes: Uint8Array | null;
    try {
      bytes = await body.read(this.retries.timeout);
    } catch (error) {
      throwIfAborted(signal);
      if (body !== this.body) return null;
      throw new Transient(failure('network', url, `the connection broke off after ${this.position} bytes (${reasonOf(error)})`, error));
    }
    // One that was given up ends like one that is whole.
    if (body !== this.body) return null;
    if (!bytes) {
      this.body = null;
      if (this.size >= 0 && this.position < this.size) {
        if (this.position === this.until) return null; // the next piece is asked for
        throw new Transient(mismatch('truncated', url, `${this.position} bytes`, `${this.size}, as the server promised`));
      }
      this.ended = true;
      if (this.fed === this.position && this.version && this.size < 0) {
        this.version.size = this.fed;
        await this.complete();
      }
      return null;
    }
    const known = Math.min(this.skip, bytes.length);
    this.skip -= known;
    if (known === bytes.length) return null;
    this.retries.gained();
    const chunk = bytes.subarray(known);
    if (this.size >= 0 && this.position + chunk.length > this.size) {
      throw mismatch('network', url, `more than ${this.size} bytes`, `${this.size}, as the server promised`);
    }
    return chunk;
  }

  /** Starts a request whose body begins at `offset`, or at 0 where the server ignores ranges. */
  private async connect(offset: number): Promise<void> {
    await this.pause();
    const answer = await this.request(offset, this.version);
    const difference = this.version && differenceOf(this.version, answer.version);
    if (difference) {
      await answer.body?.cancel().catch(() => undefined);
      answer.end();
      throw failure('network', this.settings.target.url, `the file changed on the server while it was read: ${difference}`);
    }
    this.take(answer, offset);
  }

  private async request(offset: number, version: Version | null): Promise<Answer> {
    const { target, activate } = this.settings;
    const { signal } = this.ending.controller;
    // Naming a range also keeps the body from being compressed, so that its length is the file's.
    const ranged = offset > 0 || isWeightsFile(this.name);
    ++this.waits;
    try {
      await activate(this);
      for (;;) {
        try {
          return await get(target, ranged ? offset : -1, this.condition(version), signal, this.retries.timeout);
        } catch (error) {
          await this.retries.after(error);
        }
      }
    } finally {
      --this.waits;
    }
  }

  private take(answer: Answer, offset: number): void {
    this.version ??= answer.version;
    if (this.version.size < 0) this.version.size = answer.version.size;
    this.answered = answer.url;
    this.seekable ||= answer.seekable;
    this.position = offset;
    this.skip = offset - answer.start;
    this.until = answer.until;
    this.ended = answer.body === null;
    this.body = answer.body && new BodyReader(answer.body);
    this.endConnection = answer.end;
  }

  /**
   * Returns the header that asks for the rest of this version only, and else for the whole file. To
   * another origin a page cannot send it without a preflight, which few servers answer; there the
   * answer's own ETag, date and length are held against the first's, as they are everywhere.
   */
  private condition(version: Version | null): Record<string, string> {
    if (!version) return {};
    const origin = globalThis.location?.origin;
    const foreign = [this.settings.target.url, this.answered].some((url) => url !== '' && new URL(url).origin !== origin);
    if (origin !== undefined && foreign) return {};
    const { etag, lastModified } = version;
    const validator = etag && !etag.startsWith('W/') ? etag : lastModified;
    return validator ? { 'If-Range': validator } : {};
  }

  /** Gives the connection up; a later read starts a new one. */
  async pause(): Promise<void> {
    const { body } = this;
    this.body = null;
    this.rest = null;
    const cancelled = body?.cancel().catch(() => undefined);
    this.endConnection();
    await cancelled;
  }

  /** Ends: what has come of a file that is to be kept is left for the next time. */
  async close(): Promise<void> {
    this.closed = true;
    const paused = this.pause();
    this.ending.stop();
    this.ending.controller.abort(new BeitError('aborted', `${this.name}: the file has been closed.`));
    await paused;
    await this.work;
    await this.writer?.end(true);
    this.writer = null;
    await this.kept?.close();
  }
}
